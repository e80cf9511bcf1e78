import { useEffect, useRef } from 'preact/hooks';
import { Button } from '../components/button.tsx';
import { Card } from '../components/card.tsx';
import { Field } from '../components/field.tsx';
import { settings } from '../support/settings.ts';
import type { SoundSource } from './sound.ts';
import type { Phase, StartOptions } from './talk.ts';

const MODELS = [settings.model, `${settings.model}-mini`, 'gpt-realtime', 'gpt-realtime-mini'];
const VOICES = ['marin', 'cedar', 'alloy', 'ash', 'ballad', 'coral', 'echo', 'sage', 'shimmer', 'verse'];
const SOURCES: readonly { source: SoundSource; text: string }[] = [
  { source: 'tone', text: 'A tone' },
  { source: 'microphone', text: 'The microphone' },
];
/** As the API has them. */
const MAX_PROJECT = 63;
const MAX_NAME = 128;

export interface StartFormProps {
  options: StartOptions;
  onOptions: (options: StartOptions) => void;
  phase: Phase;
  /** What is wrong, by the field’s name in the API. */
  fields: Readonly<Record<string, string>>;
  muted: boolean;
  onStart: () => void;
  onEnd: () => void;
  onMute: (muted: boolean) => void;
}

/** What is asked for: a project, and nothing secret. */
export function StartForm({ options, onOptions, phase, fields, ...rest }: StartFormProps) {
  const { muted, onStart, onEnd, onMute } = rest;
  const isIdle = phase === 'idle';
  const buttons = useFocusKept(phase);
  return (
    <Card title="Session">
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          onStart();
        }}
      >
        <Field
          label="Project id"
          hint="Public by nature. Not a key."
          error={fields['project_id']}
          value={options.project}
          required
          maxLength={MAX_PROJECT}
          placeholder={settings.project}
          disabled={!isIdle}
          onValue={(project) => {
            onOptions({ ...options, project: project.trim() });
          }}
        />
        <div class="form-row">
          <Field
            label="Model"
            error={fields['model']}
            value={options.model}
            suggestions={MODELS}
            maxLength={MAX_NAME}
            placeholder="its default"
            disabled={!isIdle}
            onValue={(model) => {
              onOptions({ ...options, model: model.trim() });
            }}
          />
          <Field
            label="Voice"
            error={fields['voice']}
            value={options.voice}
            suggestions={VOICES}
            maxLength={MAX_NAME}
            placeholder="its default"
            disabled={!isIdle}
            onValue={(voice) => {
              onOptions({ ...options, voice: voice.trim() });
            }}
          />
        </div>
        <fieldset class="choice" disabled={!isIdle}>
          <legend class="legend">Speak with</legend>
          {SOURCES.map(({ source, text }) => (
            <label key={source}>
              <input
                type="radio"
                name="source"
                checked={options.source === source}
                onChange={() => {
                  onOptions({ ...options, source });
                }}
              />
              {text}
            </label>
          ))}
          <label>
            <input
              type="checkbox"
              checked={options.relayOnly}
              onChange={(event) => {
                onOptions({ ...options, relayOnly: event.currentTarget.checked });
              }}
            />
            Through a relay only
          </label>
        </fieldset>
        <div class="buttons" ref={buttons}>
          {isIdle ? (
            <Button key="start" type="submit" look="main">
              Start
            </Button>
          ) : (
            <Button key="end" look="danger" disabled={phase === 'ending'} onClick={onEnd}>
              End
            </Button>
          )}
          {phase === 'connected' && (
            <Button
              pressed={muted}
              onClick={() => {
                onMute(!muted);
              }}
            >
              Mute
            </Button>
          )}
        </div>
      </form>
    </Card>
  );
}

/** What had the focus goes or is disabled when the phase changes: then the button that is next has it. */
function useFocusKept(phase: Phase) {
  const buttons = useRef<HTMLDivElement>(null);
  const before = useRef(phase);
  useEffect(() => {
    if (before.current !== phase && document.activeElement === document.body) {
      buttons.current?.querySelector('button')?.focus({ preventScroll: true });
    }
    before.current = phase;
  }, [phase]);
  return buttons;
}
