{{- /* What values.schema.json cannot say, or not in words: each fault with the value's name and what is in it. */}}
{{- define "softphone-fleet.checks" -}}
{{- $label := "[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?" }}
{{- $words := dict
  "name" "lower-case letters, digits and -, with a letter or digit first and last, 63 at most"
  "objectName" "lower-case letters, digits, - and ., with a letter or digit first and last, 253 at most" }}
{{- $faults := list }}

{{- with .Values.fullnameOverride }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" .) }}
{{- $faults = append $faults (printf "fullnameOverride: %q is no name of an object: it may hold lower-case letters, digits and -, with a letter first and a letter or digit last" .) }}
{{- end }}
{{- end }}

{{- $names := list (list "nameOverride" .Values.nameOverride "name") }}
{{- range $index, $namespace := .Values.watchNamespaces }}
{{- $names = append $names (list (printf "watchNamespaces[%d]" $index) $namespace "name") }}
{{- end }}
{{- range $index, $namespace := .Values.networkPolicy.agentNamespaces }}
{{- $names = append $names (list (printf "networkPolicy.agentNamespaces[%d]" $index) $namespace "name") }}
{{- end }}
{{- range $index, $secret := .Values.imagePullSecrets }}
{{- $names = append $names (list (printf "imagePullSecrets[%d]" $index) $secret "objectName") }}
{{- end }}
{{- $names = append $names (list "serviceAccount.name" .Values.serviceAccount.name "objectName") }}
{{- $names = append $names (list "priorityClassName" .Values.priorityClassName "objectName") }}
{{- $names = append $names (list "webhook.existingSecret" .Values.webhook.existingSecret "objectName") }}
{{- $names = append $names (list "notifications.secretName" .Values.notifications.secretName "objectName") }}
{{- range $names }}
{{- $value := index . 0 }}{{ $given := index . 1 }}{{ $kind := index . 2 }}
{{- $pattern := ternary "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" "^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$" (eq $kind "name") }}
{{- if and $given (not (regexMatch $pattern $given)) }}
{{- $faults = append $faults (printf "%s: %q is no name of an object: it may hold %s" $value $given (get $words $kind)) }}
{{- end }}
{{- end }}

{{- $quantity := "^[+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$" }}
{{- range $where, $resources := dict "resources" .Values.resources "agents.resources" .Values.agents.resources }}
{{- range $part, $given := default dict $resources }}
{{- range $name, $amount := $given }}
{{- if not (regexMatch $quantity (toString $amount)) }}
{{- $faults = append $faults (printf "%s.%s.%s: %q is no quantity: a number, or one with a unit such as 500m, 64Mi, 1Gi" $where $part $name (toString $amount)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- $keyed := dict "commonLabels" .Values.commonLabels "podLabels" .Values.podLabels "nodeSelector" .Values.nodeSelector
  "agents.labels" .Values.agents.labels "agents.nodeSelector" .Values.agents.nodeSelector
  "monitoring.rules.labels" .Values.monitoring.rules.labels "monitoring.podMonitor.labels" .Values.monitoring.podMonitor.labels
  "monitoring.serviceMonitor.labels" .Values.monitoring.serviceMonitor.labels "monitoring.dashboards.labels" .Values.monitoring.dashboards.labels
  "commonAnnotations" .Values.commonAnnotations "podAnnotations" .Values.podAnnotations "agents.annotations" .Values.agents.annotations
  "serviceAccount.annotations" .Values.serviceAccount.annotations "metrics.service.annotations" .Values.metrics.service.annotations
  "monitoring.dashboards.annotations" .Values.monitoring.dashboards.annotations }}
{{- range $where, $given := $keyed }}
{{- range $key, $value := default dict $given }}
{{- $parts := splitList "/" $key }}
{{- $good := and (le (len $parts) 2) (regexMatch (printf "^%s$" $label) (last $parts)) (le (len (last $parts)) 63) }}
{{- if and $good (eq (len $parts) 2) }}
{{- $good = regexMatch "^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$" (first $parts) }}
{{- end }}
{{- if not $good }}
{{- $faults = append $faults (printf "%s: %q is no key of a label or annotation: NAME or HOST/NAME, with letters, digits and - _ ." $where $key) }}
{{- end }}
{{- if and (not (hasSuffix "nnotations" $where)) $value (or (gt (len $value) 63) (not (regexMatch (printf "^%s$" $label) $value))) }}
{{- $faults = append $faults (printf "%s.%s: %q is no value of a label: up to 63 letters, digits and - _ ., with a letter or digit first and last" $where $key $value) }}
{{- end }}
{{- end }}
{{- end }}

{{- if and .Values.webhook.enabled .Values.webhook.existingSecret (not .Values.webhook.caBundle) (not .Values.webhook.certManager.enabled) }}
{{- $faults = append $faults (printf "webhook.caBundle: is required with webhook.existingSecret %q: without the CA of its certificate the API server cannot ask the webhook" .Values.webhook.existingSecret) }}
{{- end }}

{{- /* A URL may hold a secret: a fault says nothing of it. */}}
{{- if and .Values.notifications.url (not (regexMatch "^https?://[^/?#@ ]+([/?][^ ]*)?$" .Values.notifications.url)) }}
{{- $faults = append $faults "notifications.url: must be http://HOST/… or https://HOST/…, without user or password; a token belongs into notifications.secretName" }}
{{- end }}

{{- with (default dict .Values.console).prometheus }}
{{- if not (regexMatch "^https?://[^/?#@ ]+(/[^?# ]*)?$" .) }}
{{- $faults = append $faults "console.prometheus: must be http://HOST/… or https://HOST/…, without user and password" }}
{{- end }}
{{- end }}

{{- $alerts := list }}
{{- range (.Files.Get "files/rules.yaml" | fromYaml).groups }}
{{- range .rules }}
{{- with .alert }}
{{- $alerts = append $alerts . }}
{{- end }}
{{- end }}
{{- end }}
{{- range .Values.monitoring.rules.disabled }}
{{- if not (has . $alerts) }}
{{- $faults = append $faults (printf "monitoring.rules.disabled: there is no alert %q; there are %s" . (join ", " $alerts)) }}
{{- end }}
{{- end }}

{{- $own := list "SOFTPHONE_AGENT_IMAGE" "SOFTPHONE_AGENT_PULL_POLICY" "SOFTPHONE_LOG_LEVEL" "SOFTPHONE_AGENT_PULL_SECRETS" "SOFTPHONE_LEASE" "SOFTPHONE_IDENTITY" "SOFTPHONE_AGENT_REPLICAS" "SOFTPHONE_AGENT_IMAGE_UPDATE" "SOFTPHONE_AGENT_DEFAULTS" "SOFTPHONE_AGENT_SCRAPE" "SOFTPHONE_WEBHOOK_DIRECTORY" "SOFTPHONE_NOTIFY_URL" "SOFTPHONE_NOTIFY_DIRECTORY" "SOFTPHONE_NOTIFY_WAIT_SECONDS" "SOFTPHONE_REHEARSAL_JOBS" "SOFTPHONE_WATCH_NAMESPACES" "SOFTPHONE_WATCH_SELECTOR" }}
{{- range $index, $variable := .Values.extraEnv }}
{{- if has $variable.name $own }}
{{- $faults = append $faults (printf "extraEnv[%d].name: %q is set by the chart, from a value of its own" $index $variable.name) }}
{{- end }}
{{- end }}

{{- with $faults }}
{{- fail (printf "\n\n%s\n" (join "\n" .)) }}
{{- end }}
{{- end }}
