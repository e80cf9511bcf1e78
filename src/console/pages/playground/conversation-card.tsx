import { useState } from 'preact/hooks';
import { Button } from '../components/button.tsx';
import { Card } from '../components/card.tsx';
import { Field } from '../components/field.tsx';
import { Levels } from './levels.tsx';
import type { Talk, TalkState } from './talk.ts';

const MAX_TEXT = 500;

/** What is said, by both, in sound and in writing. */
export function ConversationCard({ talk, state }: { talk: Talk; state: TalkState }) {
  const [text, setText] = useState('');
  const isConnected = state.phase === 'connected';
  return (
    <Card title="Conversation">
      <Levels active={isConnected} read={() => talk.levels()} />
      <div class="transcript" role="log" aria-label="Transcript" tabIndex={0}>
        {state.lines.length === 0 && (
          <p class="hint">{isConnected ? 'Nothing was said yet.' : 'What is said appears here.'}</p>
        )}
        {state.lines.map(({ id, who, text: said }) => (
          <p key={id} class={`line line-${who}`}>
            <strong>{who === 'you' ? 'You' : 'Model'}</strong> {said}
          </p>
        ))}
      </div>
      <form
        class="say"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim() === '') return;
          talk.say(text.trim());
          setText('');
        }}
      >
        <Field
          label="Or in writing"
          value={text}
          maxLength={MAX_TEXT}
          disabled={!isConnected}
          onValue={setText}
        />
        <Button type="submit" disabled={!isConnected}>
          Send
        </Button>
      </form>
    </Card>
  );
}
