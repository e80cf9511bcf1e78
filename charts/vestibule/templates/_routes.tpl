{{/* The paths that callers need, and those that take an admin key. A prefix ends at a slash: /session is not /sessions. */}}
{{- define "vestibule.clientPaths" -}}
- { path: /session, type: Prefix }
- { path: /v1/realtime/client_secrets, type: Exact }
- { path: /turn-credentials, type: Exact }
- { path: /health, type: Exact }
- { path: /metrics, type: Exact }
- { path: /openapi.json, type: Exact }
- { path: /docs, type: Prefix }
- { path: /, type: Exact }
- { path: /playground, type: Exact }
- { path: /console, type: Prefix }
{{- end -}}

{{- define "vestibule.adminPaths" -}}
- { path: /dashboard, type: Exact }
- { path: /projects, type: Prefix }
- { path: /clients, type: Prefix }
- { path: /sessions, type: Prefix }
- { path: /audit-logs, type: Exact }
- { path: /stats, type: Exact }
- { path: /events, type: Exact }
- { path: /health/vault, type: Exact }
{{- end -}}

{{/* (list CONTEXT ADMIN_ROUTES) */}}
{{- define "vestibule.paths" -}}
{{- include "vestibule.clientPaths" (index . 0) }}
{{- if index . 1 }}
{{ include "vestibule.adminPaths" (index . 0) }}
{{- end }}
{{- end -}}
