import { useEffect, useRef } from 'preact/hooks';

interface Reading {
  input: number;
  output: number;
}

/** How many readings are seen at once. */
const BARS = 96;
const CALM_MS = 250;

/** How loud both sides were lately: this one above the line, the provider's below. */
export function Levels({ active, read }: { active: boolean; read: () => Reading | undefined }) {
  const place = useRef<HTMLCanvasElement>(null);
  const readings = useRef<Reading[]>([]);
  useEffect(() => {
    const canvas = place.current;
    if (canvas === null) return undefined;
    if (!active) readings.current = [];
    draw(canvas, readings.current);
    if (!active) return undefined;
    return everyFrame(() => {
      const reading = read();
      if (reading === undefined) return;
      readings.current = [...readings.current, reading].slice(-BARS);
      draw(canvas, readings.current);
      canvas.dataset['input'] = reading.input.toFixed(2);
      canvas.dataset['output'] = reading.output.toFixed(2);
    });
  }, [active]);
  return (
    <div class="levels">
      <span class="levels-you">You</span>
      <span class="levels-model">Model</span>
      <canvas ref={place} role="img" aria-label="Loudness of both sides over time" />
    </div>
  );
}

/** As often as the screen is drawn, or seldom for who wants little motion. Returns what stops it. */
function everyFrame(step: () => void): () => void {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) {
    const timer = setInterval(step, CALM_MS);
    return () => {
      clearInterval(timer);
    };
  }
  let frame = 0;
  const next = (): void => {
    step();
    frame = requestAnimationFrame(next);
  };
  frame = requestAnimationFrame(next);
  return () => {
    cancelAnimationFrame(frame);
  };
}

function draw(canvas: HTMLCanvasElement, readings: readonly Reading[]): void {
  const context = canvas.getContext('2d');
  if (context === null) return;
  const { clientWidth, clientHeight } = canvas;
  canvas.width = clientWidth * devicePixelRatio;
  canvas.height = clientHeight * devicePixelRatio;
  context.scale(devicePixelRatio, devicePixelRatio);
  const style = getComputedStyle(canvas);
  const middle = clientHeight / 2;
  const step = clientWidth / BARS;
  context.fillStyle = style.getPropertyValue('border-top-color');
  context.fillRect(0, middle - 0.5, clientWidth, 1);
  for (const [index, { input, output }] of readings.entries()) {
    const x = clientWidth - (readings.length - index) * step;
    context.fillStyle = style.color;
    context.fillRect(x, middle - 2 - input * (middle - 4), step * 0.6, input * (middle - 4));
    context.fillStyle = style.outlineColor;
    context.fillRect(x, middle + 2, step * 0.6, output * (middle - 4));
  }
}
