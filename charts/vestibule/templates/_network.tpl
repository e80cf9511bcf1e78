{{/* A rule without peers would let everything out, so that there is none then. (list PEERS PORTS) */}}
{{- define "vestibule.egressRule" -}}
{{- if index . 0 -}}
- to:
    {{- toYaml (index . 0) | nindent 4 }}
  ports:
    {{- range index . 1 }}
    - { port: {{ . }}, protocol: TCP }
    {{- end }}
{{- end -}}
{{- end -}}

{{- define "vestibule.dnsRule" -}}
{{- if . -}}
- to:
    {{- toYaml . | nindent 4 }}
  ports:
    - { port: 53, protocol: UDP }
    - { port: 53, protocol: TCP }
{{- end -}}
{{- end -}}
