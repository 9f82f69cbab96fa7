{{- define "softphone-fleet.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "softphone-fleet.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 54 | trimSuffix "-" }}
{{- else if contains (include "softphone-fleet.name" .) .Release.Name }}
{{- .Release.Name | trunc 54 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "softphone-fleet.name" .) | trunc 54 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "softphone-fleet.operatorName" -}}
{{- include "softphone-fleet.fullname" . }}-operator
{{- end }}

{{- define "softphone-fleet.selectorLabels" -}}
app.kubernetes.io/name: {{ include "softphone-fleet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "softphone-fleet.labels" -}}
{{ include "softphone-fleet.selectorLabels" . }}
app.kubernetes.io/part-of: softphone-fleet
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Labels of one's own beside those of all objects, each key once: theirs over commonLabels. */}}
{{- define "softphone-fleet.labelsWith" -}}
{{- merge (deepCopy (default dict .labels)) (include "softphone-fleet.labels" .root | fromYaml) | toYaml }}
{{- end }}

{{- /* Labels and annotations of an object: its own over those of all. */}}
{{- define "softphone-fleet.marks" -}}
labels:
  {{- include "softphone-fleet.labelsWith" (dict "root" .root "labels" .labels) | nindent 2 }}
{{- with merge (deepCopy (default dict .annotations)) (default dict .root.Values.commonAnnotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "softphone-fleet.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "softphone-fleet.operatorName" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "softphone-fleet.webhookName" -}}
{{- include "softphone-fleet.fullname" . }}-webhook
{{- end }}

{{- define "softphone-fleet.webhookSecret" -}}
{{- default (include "softphone-fleet.webhookName" .) .Values.webhook.existingSecret }}
{{- end }}

{{- define "softphone-fleet.image" -}}
{{- if .image.digest }}
{{- printf "%s@%s" .image.repository .image.digest }}
{{- else }}
{{- printf "%s:%s" .image.repository (default .root.Chart.AppVersion .image.tag) }}
{{- end }}
{{- end }}

{{- define "softphone-fleet.agentLabels" -}}
app.kubernetes.io/managed-by: softphone-operator
app.kubernetes.io/component: agent
{{- end }}

{{- define "softphone-fleet.testName" -}}
{{- include "softphone-fleet.fullname" . }}-test
{{- end }}

{{- define "softphone-fleet.testSelectorLabels" -}}
{{- merge (dict "app.kubernetes.io/component" "test") (include "softphone-fleet.selectorLabels" . | fromYaml) | toYaml }}
{{- end }}

{{- /* Of an object that only `helm test` makes, with the weight of its hook; not one of those by which the operator's pods are found. */}}
{{- define "softphone-fleet.testMarks" -}}
{{- $hook := dict "helm.sh/hook" "test" "helm.sh/hook-weight" .weight "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" }}
{{- include "softphone-fleet.marks" (dict "root" .root "labels" (dict "app.kubernetes.io/component" "test") "annotations" $hook) }}
{{- end }}

{{- define "softphone-fleet.consoleName" -}}
{{- include "softphone-fleet.fullname" . }}-console
{{- end }}

{{- define "softphone-fleet.consoleSelectorLabels" -}}
{{- merge (dict "app.kubernetes.io/component" "console") (include "softphone-fleet.selectorLabels" . | fromYaml) | toYaml }}
{{- end }}

{{- /* Of an object of the console; not one of those by which the operator's pods are found. */}}
{{- define "softphone-fleet.consoleMarks" -}}
{{- include "softphone-fleet.marks" (dict "root" .root "labels" (dict "app.kubernetes.io/component" "console") "annotations" .annotations) }}
{{- end }}

{{- /* What the console calls: it reads, and neither Secrets nor ConfigMaps. */}}
{{- define "softphone-fleet.consoleRules" -}}
- apiGroups: [softphone-fleet.io]
  resources: [pbxs, softphones, softphonefleets, softphonepools, rehearsals, callchecks]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{- end }}

{{- define "softphone-fleet.metricsFrom" -}}
ports:
  - {protocol: TCP, port: 8080}
{{- with .Values.networkPolicy.metricsFrom }}
from:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* To the agents' HTTP. Those in their nodes' network have each a port of its own; before 1.25 a policy knows no range. */}}
{{- define "softphone-fleet.toAgents" -}}
- ports:
    - {protocol: TCP, port: 8080}
  to:
    - namespaceSelector: {}
      podSelector:
        matchLabels:
          {{- include "softphone-fleet.agentLabels" . | nindent 10 }}
{{- with .Values.networkPolicy.hostNetworkTo }}
- ports:
    {{- if semverCompare ">=1.25.0-0" $.Capabilities.KubeVersion.Version }}
    - {protocol: TCP, port: 20000, endPort: 29999}
    {{- else }}
    - {protocol: TCP}
    {{- end }}
  to:
    {{- range . }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
{{- end }}
{{- end }}

{{- define "softphone-fleet.dns" -}}
ports:
  - {protocol: UDP, port: 53}
  - {protocol: TCP, port: 53}
{{- end }}

{{- /* What the operator calls. tests/charts compares it with cluster.ACCESS: nothing missing, nothing unused. */}}
{{- define "softphone-fleet.rules" -}}
- apiGroups: [softphone-fleet.io]
  resources: [pbxs, softphones, softphonefleets, softphonepools, callchecks, rehearsals]
  verbs: [list, watch]
- apiGroups: [softphone-fleet.io]
  resources: [pbxs/status, softphones/status, softphonefleets/status, softphonepools/status, callchecks/status, rehearsals/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, create, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{- /* What rehearsals need besides, where they may make Jobs. tests/charts compares it with cluster.JOB_ACCESS. */}}
{{- define "softphone-fleet.jobRules" -}}
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, create]
{{- end }}

{{- /* Of a pod, with one's `own` fields over it. */}}
{{- define "softphone-fleet.podSecurity" -}}
{{- $made := dict "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault") }}
{{- if ne (toString .root.Values.fixedUser) "false" }}
{{- $made = merge $made (dict "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532) }}
{{- end }}
{{- range $field, $value := default dict .own }}
{{- $_ := set $made $field $value }}
{{- end }}
{{- toYaml $made }}
{{- end }}

{{- /* What all agents' pods have in common, as the operator reads it (pod_defaults.py); empty where nothing is said. */}}
{{- define "softphone-fleet.agentDefaults" -}}
{{- $said := dict }}
{{- range $name := list "labels" "annotations" "nodeSelector" "tolerations" "securityContext" }}
{{- with index $.Values.agents $name }}
{{- $_ := set $said $name . }}
{{- end }}
{{- end }}
{{- $resources := dict }}
{{- range $part, $given := default dict .Values.agents.resources }}
{{- with $given }}
{{- $_ := set $resources $part . }}
{{- end }}
{{- end }}
{{- with $resources }}
{{- $_ := set $said "resources" . }}
{{- end }}
{{- if eq (toString .Values.fixedUser) "false" }}
{{- $_ := set $said "fixedUser" false }}
{{- end }}
{{- with $said }}
{{- toJson . }}
{{- end }}
{{- end }}

{{- define "softphone-fleet.endpoint" -}}
port: http
{{- with .interval }}
interval: {{ . }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
