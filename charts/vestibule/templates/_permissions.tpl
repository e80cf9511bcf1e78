{{- /* Generated from src/kubernetes/permissions.ts by scripts/generate-chart.ts; do not edit. */ -}}
{{- define "vestibule.permissions.configuration" -}}
- apiGroups:
    - vestibule.dev
  resources:
    - projects
  verbs:
    - list
    - watch
    - create
    - patch
- apiGroups:
    - vestibule.dev
  resources:
    - clients
  verbs:
    - list
    - watch
- apiGroups:
    - vestibule.dev
  resources:
    - projects/status
  verbs:
    - patch
- apiGroups:
    - vestibule.dev
  resources:
    - clients/status
  verbs:
    - patch
- apiGroups:
    - ""
  resources:
    - events
  verbs:
    - create
- apiGroups:
    - coordination.k8s.io
  resources:
    - leases
  resourceNames:
    - vestibule-operator
  verbs:
    - get
    - update
- apiGroups:
    - coordination.k8s.io
  resources:
    - leases
  verbs:
    - create
{{- end -}}

{{- define "vestibule.permissions.keys" -}}
- apiGroups:
    - ""
  resources:
    - secrets
  verbs:
    - list
    - watch
    - get
- apiGroups:
    - bitnami.com
  resources:
    - sealedsecrets
  verbs:
    - get
    - create
    - patch
    - delete
    - list
{{- end -}}

{{- define "vestibule.permissions.cluster" -}}
- apiGroups:
    - authentication.k8s.io
  resources:
    - tokenreviews
  verbs:
    - create
{{- end -}}
