// How far a program is, read from what it says.
//
// Knows nothing about VS Code, so that it can be tested without it.

/** What a line says. */
export interface Progress {
  message: string;
  /** Hundredths that are done of the part the line is about; undefined if it says nothing of that. */
  percent?: number;
}

/** A bar as tqdm draws it: `model.gguf:  12%|█▏   | 59.0M/491M [00:05<00:38, 11.2MB/s]`. */
const BAR = /^(?:(.*?):\s*)?(\d{1,3})%\|[^|]*\|\s*(\S+)/;

/** Bytes as pip counts them: `Progress 1048576 of 83886080`. */
const COUNT = /^Progress (\d+) of (\d+)$/;

const MEGABYTE = 1_000_000;
const LONGEST = 120;

/** Return what a line says; `before` is what was said before it, to which bare numbers belong. */
export function progressOf(line: string, before: string): Progress {
  const text = line.trim();
  const bar = BAR.exec(text);
  if (bar) {
    const [, title, percent, amount] = bar;
    return { message: `${title || before}: ${percent} % (${amount})`, percent: Number(percent) };
  }
  const count = COUNT.exec(text);
  if (count) {
    const [done, all] = [Number(count[1]), Number(count[2])];
    const percent = all > 0 ? Math.floor((100 * done) / all) : 0;
    return { message: `${before} ${percent} % of ${Math.round(all / MEGABYTE)} MB`, percent };
  }
  return { message: text.slice(0, LONGEST) };
}
