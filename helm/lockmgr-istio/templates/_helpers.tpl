{{- define "lockmgr-istio.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "lockmgr-istio.regionName" -}}
{{- default (trimPrefix "lockmgr-" .serviceName) .name }}
{{- end }}

{{- define "lockmgr-istio.namespace" -}}
{{- default .serviceName .namespace }}
{{- end }}

{{/* The clients' service of a region, in full: (dict "region" … "root" $). */}}
{{- define "lockmgr-istio.host" -}}
{{ .region.serviceName }}.{{ include "lockmgr-istio.namespace" .region }}.svc.{{ .root.Values.clusterDomain }}
{{- end }}

{{- define "lockmgr-istio.headless" -}}
{{ .region.serviceName }}-headless.{{ include "lockmgr-istio.namespace" .region }}.svc.{{ .root.Values.clusterDomain }}
{{- end }}

{{/* The name of the default region, which must be one of the list. */}}
{{- define "lockmgr-istio.defaultRegion" -}}
{{- $names := list }}
{{- range .Values.regions }}
{{- $name := include "lockmgr-istio.regionName" . }}
{{- if has $name $names }}
{{- fail (printf "regions has %s twice" $name) }}
{{- end }}
{{- $names = append $names $name }}
{{- end }}
{{- $default := default (first $names) .Values.defaultRegion }}
{{- if not (has $default $names) }}
{{- fail (printf "defaultRegion %s is none of %s" $default (join ", " $names)) }}
{{- end }}
{{- $default }}
{{- end }}

{{/* No timeout at all, which is what Istio does unless told otherwise: calls may wait, and streams have no end. The server ends what
  has taken too long. */}}
{{- define "lockmgr-istio.patience" -}}
retries:
  attempts: {{ .Values.retries.attempts }}
  {{- if .Values.retries.attempts }}
  retryOn: {{ .Values.retries.retryOn }}
  {{- end }}
{{- end }}

{{/* JSON over HTTP is repeated only where certainly nothing was done. */}}
{{- define "lockmgr-istio.httpPatience" -}}
retries:
  attempts: {{ .Values.retries.attempts }}
  {{- if .Values.retries.attempts }}
  retryOn: connect-failure,refused-stream
  {{- end }}
{{- end }}
