{{/* Where Secrets and certificates are mounted. The documentation names it. */}}
{{- define "vestibule.settingsPath" -}}/etc/vestibule{{- end -}}

{{- define "vestibule.onOff" -}}{{ ternary "on" "off" . }}{{- end -}}

{{/* A setting that is a text, where there is one: (list NAME TEXT) */}}
{{- define "vestibule.setting" -}}
{{- if index . 1 }}
- name: {{ index . 0 }}
  value: {{ index . 1 | quote }}
{{- end }}
{{- end -}}

{{/* Secrets come as files: an environment is inherited by every child and shown by many a tool. */}}
{{- define "vestibule.environment" -}}
{{- $path := include "vestibule.settingsPath" . -}}
{{- $certificate := or .Values.sealing.certificate.configMap .Values.sealing.certificate.secret -}}
- name: NODE_ENV
  value: production
- name: HOST
  value: {{ .Values.listen.host | quote }}
- name: PORT
  value: {{ .Values.listen.port | quote }}
- name: OPS_PORT
  value: {{ .Values.listen.opsPort | quote }}
- name: DATABASE_URL_FILE
  value: {{ $path }}/database-url
- name: VESTIBULE_DB_PREPARED
  value: {{ include "vestibule.onOff" .Values.database.prepared | quote }}
- name: VESTIBULE_DB_POOL
  value: {{ .Values.database.pool | quote }}
- name: VESTIBULE_DRAIN_SECONDS
  value: {{ .Values.drain.delaySeconds | quote }}
- name: VESTIBULE_VAULT
  value: kubernetes
- name: VESTIBULE_NAMESPACE
  value: {{ .Release.Namespace }}
- name: VESTIBULE_KEY_NAMESPACE
  value: {{ include "vestibule.keyNamespace" . }}
- name: VESTIBULE_SEALING_CONTROLLER
  value: {{ .Values.sealing.controller.namespace }}/{{ .Values.sealing.controller.name }}
{{- include "vestibule.setting" (list "VESTIBULE_SEALING_CERT" (ternary (printf "%s/sealing.crt" $path) "" (not (empty $certificate)))) }}
- name: VESTIBULE_TOKEN_REVIEW
  value: {{ include "vestibule.onOff" .Values.jwt.tokenReview | quote }}
{{- include "vestibule.setting" (list "VESTIBULE_PROVIDER_URLS" (join "," .Values.providerUrls)) }}
- name: VESTIBULE_ADMIN_KEY_FILE
  value: {{ $path }}/admin-key
- name: VESTIBULE_JWT_SECRET_FILE
  value: {{ $path }}/jwt-secret
- name: VESTIBULE_JWT_ISSUERS
  value: {{ toJson .Values.jwt.issuers | quote }}
{{- include "vestibule.setting" (list "VESTIBULE_AUDIT_FILE" .Values.audit.file) }}
- name: VESTIBULE_AUDIT_FILE_REQUIRED
  value: {{ include "vestibule.onOff" .Values.audit.fileRequired | quote }}
{{- if .Values.audit.signingKeySecret.name }}
- name: VESTIBULE_AUDIT_SIGNING_KEY_FILE
  value: {{ $path }}/audit-signing-key
{{- end }}
- name: VESTIBULE_ADDRESS_LIMIT
  value: {{ .Values.addressLimit | quote }}
{{- include "vestibule.setting" (list "VESTIBULE_TRUST_PROXY" (join "," .Values.trustProxy)) }}
{{- include "vestibule.setting" (list "VESTIBULE_HOSTS" (join "," .Values.hosts)) }}
- name: LOG_LEVEL
  value: {{ .Values.logLevel }}
{{- if .Values.tracing.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .Values.tracing.endpoint | quote }}
- name: OTEL_EXPORTER_OTLP_PROTOCOL
  value: {{ .Values.tracing.protocol }}
- name: OTEL_TRACES_SAMPLER
  value: parentbased_traceidratio
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ .Values.tracing.ratio | quote }}
{{- with .Values.tracing.headersSecret }}
{{- if .name }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef: {{ toJson . }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* An entry of a Secret, as a file: (list REFERENCE FILE) */}}
{{- define "vestibule.secretFile" -}}
{{- $reference := index . 0 -}}
{{- if $reference.name }}
- secret:
    name: {{ $reference.name }}
    items:
      - key: {{ $reference.key }}
        path: {{ index . 1 }}
{{- end }}
{{- end -}}

{{/* A certificate, of a ConfigMap or a Secret: (list REFERENCE FILE) */}}
{{- define "vestibule.certificateFile" -}}
{{- $reference := index . 0 -}}
{{- if $reference.configMap }}
- configMap:
    name: {{ $reference.configMap }}
    items:
      - key: {{ $reference.key }}
        path: {{ index . 1 }}
{{- end }}
{{- include "vestibule.secretFile" (list (dict "name" $reference.secret "key" $reference.key) (index . 1)) }}
{{- end -}}

{{/* The volume that the sources of files make: what vestibule.serviceFiles or vestibule.migrationFiles gives. */}}
{{- define "vestibule.settingsVolume" -}}
- name: settings
  projected:
    defaultMode: 0440
    sources:
      {{- . | nindent 6 }}
{{- end -}}

{{- define "vestibule.settingsMount" -}}
- name: settings
  mountPath: {{ include "vestibule.settingsPath" . }}
  readOnly: true
{{- end -}}

{{- define "vestibule.serviceFiles" -}}
{{- include "vestibule.secretFile" (list .Values.database.secret "database-url") }}
{{- include "vestibule.certificateFile" (list .Values.database.ca "database-ca.crt") }}
{{- include "vestibule.secretFile" (list .Values.admin.secret "admin-key") }}
{{- include "vestibule.secretFile" (list .Values.jwt.secret "jwt-secret") }}
{{- include "vestibule.secretFile" (list .Values.audit.signingKeySecret "audit-signing-key") }}
{{- include "vestibule.certificateFile" (list .Values.sealing.certificate "sealing.crt") }}
{{- end -}}

{{- define "vestibule.migrationFiles" -}}
{{- include "vestibule.secretFile" (list .Values.database.secret "database-url") }}
{{- include "vestibule.secretFile" (list .Values.database.migrationSecret "database-migration-url") }}
{{- include "vestibule.certificateFile" (list .Values.database.ca "database-ca.crt") }}
{{- end -}}
