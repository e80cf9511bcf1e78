/** Who gives what to whom. Steps are numbered here and told beside. */
export function WalkPicture() {
  return (
    <svg class="walk" viewBox="0 0 460 396" role="img" aria-labelledby="walk-title walk-text">
      <title id="walk-title">How a session is opened</title>
      <desc id="walk-text">
        A caller sends a project id to Vestibule, which stands in your cluster before the vault. Vestibule
        takes the key from the vault, has the provider mint a short-lived credential, and hands that to the
        caller. Voice then goes from the caller to the provider directly. The key stays in the cluster, but
        for the provider’s own header.
      </desc>
      <defs>
        <marker
          id="walk-tip"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="7"
          markerHeight="7"
          orient="auto"
        >
          <path class="walk-tip" d="M0 0 8 4 0 8z" />
        </marker>
        <marker
          id="walk-key-tip"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="7"
          markerHeight="7"
          orient="auto"
        >
          <path class="walk-key-tip" d="M0 0 8 4 0 8z" />
        </marker>
      </defs>
      <rect class="walk-cluster" x="132" y="72" width="196" height="314" rx="18" />
      <text class="walk-small" x="230" y="374">
        your cluster
      </text>
      <path class="walk-voice" d="M48 148C52 8 408 8 412 144" marker-end="url(#walk-tip)" />
      <path class="walk-line" d="M92 176h63" marker-end="url(#walk-tip)" />
      <path class="walk-line" d="M156 206H95" marker-end="url(#walk-tip)" />
      <path class="walk-line" d="M304 176h61" marker-end="url(#walk-tip)" />
      <path class="walk-line" d="M368 206h-61" marker-end="url(#walk-tip)" />
      <path class="walk-key" d="M230 290v-43" marker-end="url(#walk-key-tip)" />
      <path class="walk-arch" d="M158 244v-76a72 72 0 0 1 144 0v76z" />
      <path class="walk-door" d="M178 244v-72a52 52 0 0 1 104 0v72z" />
      <text class="walk-name" x="230" y="200">
        Vestibule
      </text>
      <rect class="walk-node" x="4" y="152" width="86" height="78" rx="12" />
      <text class="walk-name" x="47" y="197">
        Caller
      </text>
      <rect class="walk-node" x="370" y="152" width="86" height="78" rx="12" />
      <text class="walk-name" x="413" y="197">
        Provider
      </text>
      <rect class="walk-vault" x="170" y="292" width="120" height="60" rx="12" />
      <text class="walk-name walk-vault-name" x="246" y="328">
        Vault
      </text>
      <g class="walk-vault-key">
        <circle cx="192" cy="322" r="7" />
        <path d="M199 322h17M210 322v6M216 322v5" />
      </g>
      <Step x={112} y={160} number={1} />
      <Step x={254} y={268} number={2} ofKey />
      <Step x={346} y={160} number={3} />
      <Step x={112} y={224} number={4} />
      <Step x={230} y={43} number={5} />
    </svg>
  );
}

function Step({ x, y, number, ofKey = false }: { x: number; y: number; number: number; ofKey?: boolean }) {
  return (
    <g class={ofKey ? 'walk-step walk-step-key' : 'walk-step'}>
      <circle cx={x} cy={y} r="12" />
      <text x={x} y={y + 5}>
        {number}
      </text>
    </g>
  );
}
