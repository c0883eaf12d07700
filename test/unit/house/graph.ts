/**
 * Circles in a graph of who imports whom, and arrows that a law does not allow. Pure, so that planted ones can be seen to be found.
 */
import type { Room } from './rooms.ts';

/** @returns Each circle as the names in it, sorted; none when all arrows point one way. Source: Tarjan (1972). */
export function circlesIn(graph: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const indexOf = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const circles: string[][] = [];
  const visit = (name: string): void => {
    indexOf.set(name, indexOf.size);
    lowest.set(name, indexOf.get(name) as number);
    open.push(name);
    for (const next of graph.get(name) ?? []) {
      if (!indexOf.has(next)) visit(next);
      if (open.includes(next)) lowest.set(name, Math.min(lowest.get(name) as number, lowest.get(next) as number));
    }
    if (lowest.get(name) !== indexOf.get(name)) return;
    const circle = open.splice(open.indexOf(name));
    if (circle.length > 1 || graph.get(name)?.has(name)) circles.push(circle.sort());
  };
  for (const name of graph.keys()) if (!indexOf.has(name)) visit(name);
  return circles.sort();
}

/** Whether the law lets a file of `room` import `target`, a path from the top folder. */
export function isAllowed(law: Readonly<Record<string, Room>>, room: string, target: string): boolean {
  const targetRoom = target.slice(0, target.lastIndexOf('/'));
  if (targetRoom === room) return true;
  const { imports = [] } = law[room] ?? {};
  return imports.some((door) => {
    if (door === targetRoom || door === target) return true;
    return door === 'protocol' && !room.startsWith('protocol') && targetRoom.startsWith('protocol/');
  });
}
