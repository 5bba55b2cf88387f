// What the status item says. Knows nothing about VS Code, so that it can be tested without it.

import type { Reference } from './references';

/** What the server says of itself (`fimbul/status`). */
export interface ServerStatus {
  state: string;
  message?: string;
  model?: string;
  engine?: { runs?: string; server?: string };
  /** Adapters that are over the model; empty if there is none. */
  adapter?: string;
  effort?: string;
  effortMessage?: string;
  references?: { indexes?: string[]; problems?: string[] };
}

/** What the last request led to (`fimbul/lastOutcome`). */
export interface Outcome {
  reason?: string;
  explanation?: string;
  detail?: string;
  timings?: { total?: number };
  /** What the suggestion resembles, in a few words; empty if that is nothing. */
  note?: string;
  references?: Reference[];
}

/** What the extension itself knows. */
export interface Own {
  /** Why nothing is asked at all; empty if it is. */
  off: string;
  /** Milliseconds until suggestions come again; 0 if they are not put off. */
  snoozed: number;
}

/** The status item: its text, what is shown over it, whether it warns. */
export interface Shown {
  text: string;
  tooltip: string;
  /** The same for those who have it read out. */
  spoken: string;
  warns: boolean;
}

const STATES: Record<string, string> = {
  starting: '$(loading~spin) fimbul',
  loading: '$(loading~spin) fimbul',
  ready: '$(check) fimbul',
  failed: '$(error) fimbul',
  'no-model': '$(warning) fimbul',
  'no-server': '$(warning) fimbul',
  stopped: '$(circle-slash) fimbul',
};

/** Reasons that come with every second key and say nothing to the user. */
const PASSING = new Set(['superseded', 'cancelled']);

/** Return what the status item shows. */
export function statusItem(status: ServerStatus, outcome: Outcome | undefined, own: Own): Shown {
  const lines = [`**fimbul** ${status.state}${status.model ? `: ${status.model}` : ''}`];
  if (status.message) {
    lines.push(status.message);
  }
  if (status.adapter) {
    lines.push(`Adapter: ${status.adapter}.`);
  }
  const runs = status.engine?.runs;
  if (runs === 'remote') {
    lines.push(`Answers come from your server ${status.engine?.server ?? ''}.`);
  } else if (runs === 'fallback') {
    lines.push(`Your server ${status.engine?.server ?? ''} does not answer; this machine does.`);
  }
  if (status.effort && status.effort !== 'full' && status.effortMessage) {
    lines.push(status.effortMessage);
  }
  const compared = status.references?.indexes ?? [];
  if (compared.length > 0) {
    lines.push(`Compared with published code: ${compared.join(', ')}.`);
  }
  lines.push(...(status.references?.problems ?? []));
  if (outcome && !PASSING.has(outcome.reason ?? '')) {
    const took = outcome.timings?.total;
    const latency = took === undefined ? '' : ` (${Math.round(took)} ms)`;
    lines.push(
      outcome.reason
        ? `Nothing shown${latency}: ${outcome.explanation ?? outcome.reason}`
        : `Last suggestion${latency}.`,
    );
    if (outcome.reason && outcome.detail && outcome.reason === 'resembles-code') {
      lines.push(outcome.detail);
    } else if (outcome.note) {
      lines.push(`It resembles ${outcome.note}`);
    }
  }
  if (own.off) {
    lines.push(own.off);
  } else if (own.snoozed > 0) {
    lines.push(`Put off for ${minutes(own.snoozed)}.`);
  }
  const isOff = own.off !== '' || own.snoozed > 0;
  const text = isOff && status.state === 'ready' ? STATES['stopped'] : STATES[status.state];
  const isNoted = !isOff && status.state === 'ready' && outcome?.note;
  return {
    text: isNoted ? `$(law) ${outcome.note}` : (text ?? `$(question) fimbul`),
    tooltip: lines.join('\n\n'),
    spoken: lines.join(' ').replaceAll('**', ''),
    warns: ['failed', 'no-model', 'no-server'].includes(status.state),
  };
}

function minutes(milliseconds: number): string {
  const count = Math.ceil(milliseconds / 60_000);
  return count === 1 ? '1 minute' : `${count} minutes`;
}
