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

{{/*
Where calls of a region go, and what of them is repeated: (dict "region" … "root" $ "header" whether the region's name is asked
for in the header, "name" what the routes are called, "ports" whether callers have chosen a port already).

No timeout at all, which is what Istio does unless told otherwise: calls may wait, and streams have no end. The server ends what
has taken too long.

`unavailable` may come after something was done. The interfaces of the two earlier systems know a repeated call again by its
x-request-id, which the proxy repeats with it. The native one has names of requests inside its messages, if at all, where a
proxy cannot see them: of that, and of JSON, only what certainly did nothing is repeated.
*/}}
{{- define "lockmgr-istio.routes" -}}
{{- $root := .root }}
{{- $host := include "lockmgr-istio.host" (dict "region" .region "root" $root) }}
{{- $asked := "" }}
{{- if .header }}
{{- $asked = printf "headers: { %s: { exact: %s } }" $root.Values.regionHeader (include "lockmgr-istio.regionName" .region | quote) }}
{{- end -}}
- name: {{ .name }}json
  match:
    - {{ if .ports }}port: {{ $root.Values.ports.http }}{{ else }}uri: { prefix: /v1/ }{{ end }}
      {{- with $asked }}
      {{ . }}
      {{- end }}
  route:
    - destination:
        host: {{ $host }}
        port: { number: {{ $root.Values.ports.http }} }
  {{- include "lockmgr-istio.retries" (dict "root" $root "on" "connect-failure,refused-stream") | nindent 2 }}
- name: {{ .name }}native
  match:
    - uri: { prefix: /lockmgr.v1. }
      {{- if .ports }}
      port: {{ $root.Values.ports.grpc }}
      {{- end }}
      {{- with $asked }}
      {{ . }}
      {{- end }}
  route:
    - destination:
        host: {{ $host }}
        port: { number: {{ $root.Values.ports.grpc }} }
  {{- include "lockmgr-istio.retries" (dict "root" $root "on" "connect-failure,refused-stream") | nindent 2 }}
- name: {{ .name }}grpc
  {{- if or .ports $asked }}
  match:
    - {{ if .ports }}port: {{ $root.Values.ports.grpc }}{{ else }}{{ $asked }}{{ end }}
  {{- end }}
  route:
    - destination:
        host: {{ $host }}
        port: { number: {{ $root.Values.ports.grpc }} }
  {{- include "lockmgr-istio.retries" (dict "root" $root "on" $root.Values.retries.retryOn) | nindent 2 }}
{{- end }}

{{- define "lockmgr-istio.retries" -}}
retries:
  attempts: {{ .root.Values.retries.attempts }}
  {{- if .root.Values.retries.attempts }}
  retryOn: {{ .on }}
  {{- end }}
{{- end }}
