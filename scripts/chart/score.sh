#!/usr/bin/env bash
# Has kube-score judge what the chart makes; exits 1 on a finding. Needs bash, helm and kube-score on the PATH.
set -euo pipefail
chart=$(dirname "$0")/../../charts/vestibule

# What is not followed, each with its reason. Nor is there a limit of CPU (--ignore-container-cpu-limit): it throttles a
# process that has work, and sessions wait; what it requests is guaranteed.
ignored=(
  # A tag is one release and is not moved, and a node starts a pod also while the registry is away.
  container-image-pull-policy
  # The root is read-only, and the kubelet bounds the log. The file of the audit is in a volume with a size of its own.
  container-ephemeral-storage-request-and-limit
  # topologySpreadConstraints spread the pods.
  deployment-has-host-podantiaffinity
)

for values in default full; do
  echo "== ci/$values-values.yaml"
  helm template vestibule "$chart" --namespace voice --kube-version 1.33.0 --values "$chart/ci/$values-values.yaml" |
    kube-score score --kubernetes-version v1.33 --ignore-container-cpu-limit --output-format ci \
      --exit-one-on-warning "${ignored[@]/#/--ignore-test=}" - |
    { grep -v '^\[OK\]\|^\[SKIPPED\]' || true; }
done
