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

{{/* The port of a host of another region, which is HOST, HOST:PORT or [ADDRESS]:PORT. */}}
{{- define "lockmgr.portOf" -}}
{{- $given := regexFind "(^[^:]+|\\]):[0-9]+$" . }}
{{- if $given }}{{ regexFind "[0-9]+$" $given }}{{ else }}9091{{ end }}
{{- end }}

{{/* Each region once, each address once: a node that is told otherwise does not start. */}}
{{- define "lockmgr.regionPeers" -}}
{{- $peers := list }}
{{- $names := list }}
{{- $addresses := list }}
{{- range $region := .Values.regions }}
{{- if eq $region.name $.Values.regionId }}
{{- fail (printf "regions names this region itself, %s: list only the others" $region.name) }}
{{- end }}
{{- if has $region.name $names }}
{{- fail (printf "regions has %s twice: give all its hosts in one place" $region.name) }}
{{- end }}
{{- $names = append $names $region.name }}
{{- range $host := $region.hosts }}
{{- $port := include "lockmgr.portOf" $host }}
{{- if or (gt (int $port) 65535) (lt (int $port) 1) }}
{{- fail (printf "regions: %s has no port from 1 to 65535" $host) }}
{{- end }}
{{- $address := printf "%s:%s" (trimSuffix (printf ":%s" $port) $host) $port }}
{{- if has $address $addresses }}
{{- fail (printf "regions has the host %s twice: name each node once" $address) }}
{{- end }}
{{- $addresses = append $addresses $address }}
{{- $peers = append $peers (printf "%s:%s" $region.name $address) }}
{{- end }}
{{- end }}
{{- join "," $peers }}
{{- end }}

{{/* The ports under which nodes of other regions are reached. */}}
{{- define "lockmgr.regionPorts" -}}
{{- $ports := list "9091" }}
{{- range .Values.regions }}
{{- range .hosts }}
{{- $ports = append $ports (include "lockmgr.portOf" .) }}
{{- end }}
{{- end }}
{{- join "," (uniq $ports) }}
{{- end }}

{{/* Hosts of other regions that are no names of pods here, where the policy names no addresses outside. */}}
{{- define "lockmgr.hostsOutside" -}}
{{- $hosts := list }}
{{- $policy := .Values.networkPolicy }}
{{- if and $policy.enabled (not .Values.development) (not $policy.regionCidrs) (not $policy.extraEgress) }}
{{- range .Values.regions }}
{{- range .hosts }}
{{- $port := include "lockmgr.portOf" . }}
{{- $host := trimSuffix (printf ":%s" $port) . }}
{{- if not (or (hasSuffix ".svc" $host) (hasSuffix (printf ".svc.%s" $.Values.clusterDomain) $host)) }}
{{- $hosts = append $hosts $host }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- join ", " $hosts }}
{{- end }}

{{/* The names of all regions, this one included. */}}
{{- define "lockmgr.regionNames" -}}
{{- $names := list .Values.regionId }}
{{- range .Values.regions }}
{{- $names = append $names .name }}
{{- end }}
{{- join "," (sortAlpha $names) }}
{{- end }}

{{/* What is for good. On the claims it stands where the API server lets nobody change it. */}}
{{- define "lockmgr.forGood" -}}
lockmgr/nodes: {{ include "lockmgr.replicas" . | quote }}
lockmgr/cluster: {{ .Values.clusterId | quote }}
lockmgr/region: {{ .Values.regionId | quote }}
lockmgr/regions: {{ include "lockmgr.regionNames" . | quote }}
{{- end }}

{{/* What the garbage collector of each thread may use, in MiB; nothing: what node itself finds right. */}}
{{- define "lockmgr.heapMiB" -}}
{{- $limit := "" }}
{{- if not .Values.development }}
{{- $limit = toString (dig "limits" "memory" "" .Values.resources) }}
{{- end }}
{{- $limitMiB := 0 }}
{{- if regexMatch "^[0-9]+Gi$" $limit }}
{{- $limitMiB = mul 1024 (trimSuffix "Gi" $limit | int64) }}
{{- else if regexMatch "^[0-9]+Mi$" $limit }}
{{- $limitMiB = trimSuffix "Mi" $limit | int64 }}
{{- end }}
{{- if not (kindIs "invalid" .Values.maxOldSpaceMiB) }}
{{- $given := int64 .Values.maxOldSpaceMiB }}
{{- if and $limitMiB (ge $given $limitMiB) }}
{{- fail (printf "maxOldSpaceMiB %d is not less than resources.limits.memory %s: the node would be killed before it collects" $given $limit) }}
{{- end }}
{{- if $given }}{{ $given }}{{ end }}
{{- else if $limitMiB }}
{{- div $limitMiB 2 }}
{{- end }}
{{- end }}

{{/* What values must say together, which a schema cannot. */}}
{{- define "lockmgr.relations" -}}
{{- $nodes := int (include "lockmgr.replicas" .) }}
{{- $spared := max 1 (div (sub $nodes 1) 2) }}
{{- if gt (int .Values.podDisruptionBudget.maxUnavailable) (int $spared) }}
{{- fail (printf "podDisruptionBudget.maxUnavailable %d would take away the majority of %d nodes: at most %d" (int .Values.podDisruptionBudget.maxUnavailable) $nodes $spared) }}
{{- end }}
{{- if lt (int .Values.terminationGracePeriodSeconds) (add 30 .Values.preStopSeconds | int) }}
{{- fail (printf "terminationGracePeriodSeconds %d leaves less than 30 s after preStopSeconds %d: the node would be killed before it has handed over" (int .Values.terminationGracePeriodSeconds) (int .Values.preStopSeconds)) }}
{{- end }}
{{- if eq (int .Values.service.ports.grpc) (int .Values.service.ports.http) }}
{{- fail "service.ports.grpc and service.ports.http must differ" }}
{{- end }}
{{- end }}
