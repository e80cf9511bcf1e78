import Type, { type TSchema } from 'typebox';
import { ClientSpec, ProjectSpec } from '../../src/projects/project-schema.ts';
import { CLIENT_RULES, PROJECT_RULES } from '../../src/projects/resource-rules.ts';
import { ClientStatus, ProjectStatus } from '../../src/projects/resource-status.ts';
import { type StructuralSchema, structuralSchema } from './structural-schema.ts';

const GROUP = 'vestibule.dev';

interface Column {
  name: string;
  type: 'string' | 'integer' | 'date';
  description: string;
  jsonPath: string;
  /** 1: only with `kubectl get -o wide`. */
  priority?: 1;
}

interface Names {
  kind: string;
  singular: string;
  plural: string;
  shortNames: string[];
}

const ready: Column = {
  name: 'Ready',
  type: 'string',
  description: 'Whether the service serves it.',
  jsonPath: '.status.conditions[?(@.type=="Ready")].status',
};
const reason: Column = {
  name: 'Reason',
  type: 'string',
  description: 'Why it is ready or not.',
  jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
  priority: 1,
};
const age: Column = {
  name: 'Age',
  type: 'date',
  description: 'How long it has existed.',
  jsonPath: '.metadata.creationTimestamp',
};

export interface CustomResourceDefinition {
  metadata: { name: string };
  spec: { versions: { schema: { openAPIV3Schema: StructuralSchema } }[] };
}

const project = definition(
  { kind: 'Project', singular: 'project', plural: 'projects', shortNames: ['vproject', 'vprj'] },
  [
    ready,
    {
      name: 'Provider',
      type: 'string',
      description: 'Whose voice API it uses.',
      jsonPath: '.spec.provider.type',
    },
    {
      name: 'Active',
      type: 'integer',
      description: 'How many of its sessions are live.',
      jsonPath: '.status.activeSessions',
    },
    reason,
    age,
  ],
  structuralSchema(
    resource('A Project: one provider key, and what may be done with it.', ProjectSpec, ProjectStatus),
    PROJECT_RULES,
  ),
);

const client = definition(
  { kind: 'Client', singular: 'client', plural: 'clients', shortNames: ['vclient', 'vcl'] },
  [
    ready,
    {
      name: 'Project',
      type: 'string',
      description: 'The Project whose sessions it opens.',
      jsonPath: '.spec.projectRef.name',
    },
    reason,
    age,
  ],
  structuralSchema(
    resource('A Client: who may open sessions of a Project with a token.', ClientSpec, ClientStatus),
    CLIENT_RULES,
  ),
);

export const CUSTOM_RESOURCE_DEFINITIONS: readonly CustomResourceDefinition[] = [project, client];

function resource(description: string, spec: TSchema, status: TSchema): TSchema {
  return Type.Object({ spec, status: Type.Optional(status) }, { additionalProperties: false, description });
}

function definition(names: Names, columns: Column[], schema: StructuralSchema) {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${names.plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: { ...names, listKind: `${names.kind}List`, categories: ['vestibule'] },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          additionalPrinterColumns: columns,
          subresources: { status: {} },
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  };
}
