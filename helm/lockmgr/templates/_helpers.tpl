{{- define "lockmgr.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Short, because pods and services add to it, and a node's name has at most 64 letters. */}}
{{- define "lockmgr.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 44 | trimSuffix "-" }}
{{- else }}
{{- $name := include "lockmgr.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 44 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 44 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "lockmgr.headless" -}}
{{ include "lockmgr.fullname" . }}-headless
{{- end }}

{{- define "lockmgr.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "lockmgr.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* What selects the nodes of this release; it must never change. */}}
{{- define "lockmgr.selector" -}}
app.kubernetes.io/name: {{ include "lockmgr.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "lockmgr.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "lockmgr.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Nodes of all regions have it in common; the policies let only those at the region port. */}}
{{- define "lockmgr.clusterLabel" -}}
lockmgr/cluster: {{ .Values.clusterId | quote }}
{{- end }}

{{- define "lockmgr.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{- define "lockmgr.replicas" -}}
{{- if .Values.development }}1{{ else }}{{ .Values.replicaCount }}{{ end }}
{{- end }}

{{/* RAFT_PEERS of the node of that number: all others. */}}
{{- define "lockmgr.raftPeers" -}}
{{- $root := .root }}
{{- $fullname := include "lockmgr.fullname" $root }}
{{- $domain := printf "%s.%s.svc.%s" (include "lockmgr.headless" $root) $root.Release.Namespace $root.Values.clusterDomain }}
{{- $peers := list }}
{{- range $other := until (int (include "lockmgr.replicas" $root)) }}
{{- if ne $other $.number }}
{{- $peers = append $peers (printf "%s-%d:%s-%d.%s:9091" $fullname $other $fullname $other $domain) }}
{{- end }}
{{- end }}
{{- join "," $peers }}
{{- end }}

{{- define "lockmgr.regionPeers" -}}
{{- $peers := list }}
{{- range $region := .Values.regions }}
{{- if eq $region.name $.Values.regionId }}
{{- fail (printf "regions names this region itself, %s: list only the others" $region.name) }}
{{- end }}
{{- range $host := $region.hosts }}
{{- $hasPort := regexMatch "(^[^:]+|\\]):[0-9]+$" $host }}
{{- $peers = append $peers (printf "%s:%s%s" $region.name $host (ternary "" ":9091" $hasPort)) }}
{{- end }}
{{- end }}
{{- join "," $peers }}
{{- end }}
