{{- define "driftgauge.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "driftgauge.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "driftgauge.labels" -}}
{{ include "driftgauge.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "driftgauge.image" -}}
{{ .Values.image.repository }}{{ with .Values.image.digest }}@{{ . }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "driftgauge.secret" -}}
{{ .Values.secret.name }}
{{- end }}

{{- define "driftgauge.account" -}}
{{ if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "driftgauge.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{- define "driftgauge.env" -}}
{{- if .Values.postgresql.bundled }}
- name: POSTGRES_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ include "driftgauge.secret" . }}, key: postgres-password}
- name: DRIFTGAUGE_DATABASE_URL
  value: postgresql://driftgauge:$(POSTGRES_PASSWORD)@{{ include "driftgauge.name" . }}-postgresql:5432/driftgauge
{{- else }}
- name: DRIFTGAUGE_DATABASE_URL
  valueFrom:
    secretKeyRef: {name: {{ include "driftgauge.secret" . }}, key: database-url}
{{- end }}
{{- if and .Values.ingress.enabled (not (hasKey .Values.settings "public_url")) }}
- name: DRIFTGAUGE_PUBLIC_URL
  value: {{ printf "%s://%s" (ternary "https" "http" (ne .Values.ingress.tlsSecret "")) .Values.ingress.host | quote }}
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: DRIFTGAUGE_{{ $name | upper }}
  value: {{ ternary ($value | toString) ($value | int64 | toString) (not (kindIs "float64" $value)) | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "driftgauge.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "driftgauge.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "driftgauge.migrate" -}}
name: migrate
image: {{ include "driftgauge.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [migrate]
env:
  {{- include "driftgauge.env" . | trim | nindent 2 }}
securityContext:
  {{- include "driftgauge.security" . | nindent 2 }}
resources:
  requests: {cpu: 100m, memory: 128Mi}
  limits: {memory: 512Mi}
volumeMounts:
  - {name: scratch, mountPath: /tmp}
  - {name: data, mountPath: /data}
{{- end }}

{{- define "driftgauge.job" -}}
{{ if and .Values.migration.job (not .Values.postgresql.bundled) }}yes{{ end }}
{{- end }}
