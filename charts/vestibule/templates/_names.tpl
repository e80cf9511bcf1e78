{{/* A name of at most so many characters; what is cut off stays in a hash, so that no two become one. (list NAME MAX) */}}
{{- define "vestibule.shortened" -}}
{{- $name := index . 0 -}}
{{- $max := index . 1 | int -}}
{{- if gt (len $name) $max -}}
{{- printf "%s-%s" (trunc (int (sub $max 9)) $name | trimSuffix "-" | trimSuffix ".") (sha256sum $name | trunc 8) -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{- define "vestibule.name" -}}
{{- default .Chart.Name .Values.nameOverride -}}
{{- end -}}

{{- define "vestibule.longName" -}}
{{- $name := include "vestibule.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name -}}
{{- end -}}
{{- end -}}

{{- define "vestibule.fullname" -}}
{{- include "vestibule.shortened" (list (include "vestibule.longName" .) 63) -}}
{{- end -}}

{{/* The name of a part: (list CONTEXT SUFFIX) */}}
{{- define "vestibule.partName" -}}
{{- $suffix := index . 1 -}}
{{- $room := int (sub 62 (len $suffix)) -}}
{{- printf "%s-%s" (include "vestibule.shortened" (list (include "vestibule.longName" (index . 0)) $room)) $suffix -}}
{{- end -}}

{{/* The name of what is not in a namespace: a release of the same name may be in another one. The name of a namespace has
no dot, so that the first one ends it. (list CONTEXT SUFFIX) */}}
{{- define "vestibule.clusterName" -}}
{{- $context := index . 0 -}}
{{- $suffix := index . 1 -}}
{{- $name := printf "%s.%s" $context.Release.Namespace (include "vestibule.longName" $context) -}}
{{- printf "%s-%s" (include "vestibule.shortened" (list $name (int (sub 62 (len $suffix))))) $suffix -}}
{{- end -}}

{{- define "vestibule.serviceAccountName" -}}
{{- default (include "vestibule.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "vestibule.keyNamespace" -}}
{{- default (include "vestibule.shortened" (list (printf "%s-keys" .Release.Namespace) 63)) .Values.keyNamespace.name -}}
{{- end -}}

{{- define "vestibule.selectorLabels" -}}
app.kubernetes.io/name: {{ include "vestibule.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Without a component: what several parts share. */}}
{{- define "vestibule.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{ include "vestibule.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: vestibule
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "vestibule.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "vestibule.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}
