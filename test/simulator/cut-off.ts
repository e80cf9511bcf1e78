/** The beginning of a text that may be of any length. */
export function cutOff<Text extends string | null>(text: Text, characters: number): Text {
  return (text === null ? null : text.slice(0, characters)) as Text;
}
