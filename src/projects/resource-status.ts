import Type from 'typebox';

const closed = { additionalProperties: false };

/** A counter of the API server's, or one that is compared with it. */
function generation(description: string) {
  return Type.Integer({ minimum: 0, format: 'int64', description });
}

function time(description: string) {
  return Type.String({ format: 'date-time', maxLength: 64, description });
}

const Condition = Type.Object(
  {
    type: Type.String({
      pattern: '^[A-Z][A-Za-z0-9]*$',
      maxLength: 316,
      description: 'What the condition is about, such as Ready.',
    }),
    status: Type.Union([Type.Literal('True'), Type.Literal('False'), Type.Literal('Unknown')], {
      description: 'Whether it holds.',
    }),
    reason: Type.String({
      pattern: '^[A-Z][A-Za-z0-9]*$',
      maxLength: 1024,
      description: 'Why, in one word for programs.',
    }),
    message: Type.String({ maxLength: 32_768, description: 'Why, in a sentence for people.' }),
    observedGeneration: Type.Optional(generation('The generation of the resource that it was found for.')),
    lastTransitionTime: time('When its status last changed.'),
  },
  { ...closed, description: 'One thing that holds for the resource, or does not.' },
);
export type Condition = Type.Static<typeof Condition>;

const common = {
  observedGeneration: Type.Optional(generation('The generation of the resource that the status is about.')),
  conditions: Type.Optional(
    Type.Array(Condition, {
      maxItems: 32,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
      description: 'What holds for the resource and what does not, one condition a type.',
    }),
  ),
};

export const ProjectStatus = Type.Object(
  {
    ...common,
    keyFingerprint: Type.Optional(
      Type.String({
        pattern: '^sha256:[0-9a-f]{16}$',
        maxLength: 23,
        description: 'The fingerprint of the key in use: it tells keys apart and gives none away.',
      }),
    ),
    keyLoadedAt: Type.Optional(time('When this key was loaded.')),
    activeSessions: Type.Optional(
      Type.Integer({ minimum: 0, format: 'int64', description: 'How many sessions are live.' }),
    ),
  },
  { ...closed, description: 'What the service found; it writes this, nobody else.' },
);
export type ProjectStatus = Type.Static<typeof ProjectStatus>;

export const ClientStatus = Type.Object(common, {
  ...closed,
  description: 'What the service found; it writes this, nobody else.',
});
export type ClientStatus = Type.Static<typeof ClientStatus>;
