/**
 * Whose turn it is to call: everybody's, one after the other; or, where one is hot, the first's in so many of a hundred
 * requests, evenly among them, and of the others one after the other in the rest.
 */
export function callerAt(turn: number, callers: number, hotPercent: number | undefined): number {
  if (hotPercent === undefined || callers < 2) return turn % callers;
  const hotBefore = hotTurns(turn, hotPercent);
  const isHot = hotTurns(turn + 1, hotPercent) > hotBefore;
  return isHot ? 0 : 1 + ((turn - hotBefore) % (callers - 1));
}

/** How many of the first turns were the hot one's. */
function hotTurns(turns: number, hotPercent: number): number {
  return Math.floor((turns * hotPercent) / 100);
}
