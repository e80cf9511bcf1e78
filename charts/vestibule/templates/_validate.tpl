{{/* What the values contradict, a sentence each; all of them at once. A schema says what one value may be. */}}
{{- define "vestibule.validate" -}}
{{- $problems := concat
  (include "vestibule.missing" . | fromJsonArray)
  (include "vestibule.contradictions" . | fromJsonArray)
  (include "vestibule.unreachable" . | fromJsonArray)
  (include "vestibule.overriding" . | fromJsonArray)
  (include "vestibule.foreignDefinitions" . | fromJsonArray)
-}}
{{- if $problems -}}
{{- fail (printf "\n%s" (join "\n" $problems)) -}}
{{- end -}}
{{- end -}}

{{- define "vestibule.missing" -}}
{{- $problems := list -}}
{{- if not .Values.image.repository -}}
{{- $problems = append $problems "image.repository is not set: name where the image is." -}}
{{- end -}}
{{- if not .Values.database.secret.name -}}
{{- $problems = append $problems "database.secret.name is not set: name the Secret with the database's URL." -}}
{{- end -}}
{{- if and .Values.migration.enabled (not .Values.database.migrationSecret.name) -}}
{{- $problems = append $problems "database.migrationSecret.name is not set while migration.enabled is true: name the Secret with the URL of the schema's owner." -}}
{{- end -}}
{{- if not .Values.admin.secret.name -}}
{{- $problems = append $problems "admin.secret.name is not set: name the Secret with the admin key." -}}
{{- end -}}
{{- if not .Values.jwt.secret.name -}}
{{- $problems = append $problems "jwt.secret.name is not set: name the Secret with the JWT secret." -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
{{- $problems = append $problems "serviceAccount.name is not set while serviceAccount.create is false: name the account that is there." -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- $problems = append $problems "ingress.host is not set while ingress.enabled is true: name the host." -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- $problems = append $problems "httpRoute.parentRefs is empty while httpRoute.enabled is true: name the Gateway." -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.hostnames) -}}
{{- $problems = append $problems "httpRoute.hostnames is empty while httpRoute.enabled is true: name the hosts." -}}
{{- end -}}
{{- if and (or .Values.ingress.enabled .Values.httpRoute.enabled) (not .Values.trustProxy) -}}
{{- $problems = append $problems "trustProxy is empty while ingress.enabled or httpRoute.enabled is true: name the proxies' addresses, or all callers share one, and its limits." -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{- define "vestibule.contradictions" -}}
{{- $problems := list -}}
{{- if and .Values.autoscaling.enabled (not (kindIs "invalid" .Values.replicas)) -}}
{{- $problems = append $problems "replicas is set while autoscaling.enabled is true: set one of them." -}}
{{- end -}}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) -}}
{{- $problems = append $problems "autoscaling.minReplicas is greater than autoscaling.maxReplicas." -}}
{{- end -}}
{{- if eq (int .Values.listen.port) (int .Values.listen.opsPort) -}}
{{- $problems = append $problems "listen.port and listen.opsPort are the same: metrics need a port of their own." -}}
{{- end -}}
{{- if and .Values.database.ca.configMap .Values.database.ca.secret -}}
{{- $problems = append $problems "database.ca.configMap and database.ca.secret are both set: keep one." -}}
{{- end -}}
{{- if and .Values.sealing.certificate.configMap .Values.sealing.certificate.secret -}}
{{- $problems = append $problems "sealing.certificate.configMap and sealing.certificate.secret are both set: keep one." -}}
{{- end -}}
{{- if and .Values.keyNamespace.create (eq (include "vestibule.keyNamespace" .) .Release.Namespace) -}}
{{- $problems = append $problems "keyNamespace.create is true while keyNamespace.name is the release's own namespace: set it to false." -}}
{{- end -}}
{{- if and .Values.audit.fileRequired (not .Values.audit.file) -}}
{{- $problems = append $problems "audit.fileRequired is true while audit.file is not set: name the file." -}}
{{- end -}}
{{- if .Values.audit.file -}}
{{- $mounted := false -}}
{{- range .Values.extraVolumeMounts -}}
{{- if hasPrefix (printf "%s/" (trimSuffix "/" .mountPath)) $.Values.audit.file -}}{{- $mounted = true -}}{{- end -}}
{{- end -}}
{{- if not $mounted -}}
{{- $problems = append $problems "audit.file is in none of extraVolumeMounts: the root of the file system is read-only." -}}
{{- end -}}
{{- end -}}
{{- if and .Values.tracing.headersSecret.name (not .Values.tracing.endpoint) -}}
{{- $problems = append $problems "tracing.headersSecret.name is set while tracing.endpoint is not: nothing would be sent." -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{/* What would be refused on its way. */}}
{{- define "vestibule.unreachable" -}}
{{- $problems := list -}}
{{- if .Values.hosts -}}
{{- $names := list -}}
{{- if .Values.ingress.enabled -}}{{- $names = append $names .Values.ingress.host -}}{{- end -}}
{{- if .Values.httpRoute.enabled -}}{{- $names = concat $names .Values.httpRoute.hostnames -}}{{- end -}}
{{- range $names -}}
{{- if not (or (empty .) (has . $.Values.hosts)) -}}
{{- $problems = append $problems (printf "hosts does not name %s, which ingress.host or httpRoute.hostnames does: its callers would get 421." .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.networkPolicy.enabled -}}
{{- if and (or .Values.ingress.enabled .Values.httpRoute.enabled) (not .Values.networkPolicy.ingress.api) -}}
{{- $problems = append $problems "networkPolicy.ingress.api is empty while ingress.enabled or httpRoute.enabled is true: nobody could call the API." -}}
{{- end -}}
{{- if and .Values.monitoring.serviceMonitor.enabled (not .Values.networkPolicy.ingress.ops) -}}
{{- $problems = append $problems "networkPolicy.ingress.ops is empty while monitoring.serviceMonitor.enabled is true: nobody could scrape the pods." -}}
{{- end -}}
{{- if and .Values.tracing.endpoint (not .Values.networkPolicy.egress.otlp.peers) -}}
{{- $problems = append $problems "networkPolicy.egress.otlp.peers is empty while tracing.endpoint is set: no trace could leave the pods." -}}
{{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{- define "vestibule.overriding" -}}
{{- $problems := list -}}
{{- $own := list -}}
{{- range include "vestibule.environment" . | fromYamlArray -}}
{{- $own = concat $own (list .name (trimSuffix "_FILE" .name)) -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if has .name $own -}}
{{- $problems = append $problems (printf "extraEnv names %s, which the chart sets: use the chart's value for it." .name) -}}
{{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{/* Helm refuses these as well, without saying what to do. Only where there is a cluster to look at. */}}
{{- define "vestibule.foreignDefinitions" -}}
{{- $problems := list -}}
{{- if .Values.crds.install -}}
{{- range list "projects.vestibule.dev" "clients.vestibule.dev" -}}
{{- $found := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" . -}}
{{- if $found -}}
{{- $annotations := default dict $found.metadata.annotations -}}
{{- $owner := printf "%s/%s" (default "" (get $annotations "meta.helm.sh/release-namespace")) (default "" (get $annotations "meta.helm.sh/release-name")) -}}
{{- if ne $owner (printf "%s/%s" $.Release.Namespace $.Release.Name) -}}
{{- $problems = append $problems (printf "crds.install is true while %s belongs to %s: set it to false, or hand it over as the chart's README says." . (ternary "no release" (printf "the release %s" $owner) (eq $owner "/"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}
