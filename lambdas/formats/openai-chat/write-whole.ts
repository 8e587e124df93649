/** Writes pieces as one whole reply. */
import type { Piece, ReasoningSeal } from '../../core/piece.ts';
import { problem } from '../../core/problem.ts';
import type { Usage } from '../../core/usage.ts';
import type { ReplyContext } from '../format.ts';
import { asList, type JsonRecord } from '../lenient.ts';
import { writeCitation } from './citations.ts';
import { writeError } from './errors.ts';
import { writeTokenLogprob } from './logprobs.ts';
import { ownAudio } from './own-audio.ts';
import { type ReasoningDetail, writeDetails } from './reasoning.ts';
import { writeStop } from './stop-reason.ts';
import { writeUsage } from './usage.ts';
import { writeMedia } from './write-pieces.ts';

type Call = { id: string; name: string; kind: 'function' | 'custom'; text: string };

/** A reply as far as it has been gathered. */
type Gathered = {
  start: { id?: string; model?: string; createdAt?: number };
  content: string;
  hasContent: boolean;
  textBlock: number | undefined;
  textBefore: number;
  refusal: string;
  refusalBlock: number | undefined;
  reasoning: Map<number, ReasoningDetail>;
  calls: Map<number, Call>;
  annotations: JsonRecord[];
  images: unknown[];
  audio: JsonRecord;
  contentLogprobs: JsonRecord[];
  refusalLogprobs: JsonRecord[];
  usage: Usage | undefined;
  end: Piece & { type: 'reply-end' };
};

export function writeWhole(pieces: readonly Piece[], context: ReplyContext): JsonRecord {
  const gathered = gather(pieces);
  const { start, end, usage } = gathered;
  const finish = writeStop(end.reason, gathered.refusal !== '');
  const failed = end.problem ?? problem('upstream_failed', 'The provider failed.');
  return {
    id: start.id ?? `chatcmpl-${context.callId}`,
    object: 'chat.completion',
    created: start.createdAt ?? context.createdAt,
    model: start.model ?? context.model,
    choices: [
      {
        index: 0,
        message: writeMessage(gathered),
        logprobs: writeLogprobs(gathered),
        finish_reason: finish,
        ...(end.stopSequence !== undefined && { stop_reason: end.stopSequence }),
      },
    ],
    ...(usage !== undefined && { usage: writeUsage(usage, context.costUsd?.()) }),
    ...(end.reason === 'error' && writeError(failed)),
  };
}

function gather(pieces: readonly Piece[]): Gathered {
  const cut = problem('upstream_failed', 'The provider stopped before the end of its answer.');
  const gathered: Gathered = {
    start: {},
    content: '',
    hasContent: false,
    textBlock: undefined,
    textBefore: 0,
    refusal: '',
    refusalBlock: undefined,
    reasoning: new Map(),
    calls: new Map(),
    annotations: [],
    images: [],
    audio: {},
    contentLogprobs: [],
    refusalLogprobs: [],
    usage: undefined,
    end: { type: 'reply-end', reason: 'error', problem: cut },
  };
  for (const piece of pieces) gatherPiece(gathered, piece);
  return gathered;
}

function gatherPiece(gathered: Gathered, piece: Piece): void {
  switch (piece.type) {
    case 'reply-start':
      gathered.start = piece;
      break;
    case 'text-delta':
      enterText(gathered, piece.block);
      gathered.content += piece.text;
      gathered.hasContent = true;
      break;
    case 'refusal-delta':
      gathered.refusalBlock = piece.block;
      gathered.refusal += piece.text;
      break;
    case 'reasoning-delta':
    case 'reasoning-seal':
      gatherReasoning(gathered.reasoning, piece);
      break;
    case 'tool-call-start': {
      const { id, name, kind } = piece;
      gathered.calls.set(piece.block, { id, name, kind, text: '' });
      break;
    }
    case 'tool-call-delta': {
      const call = gathered.calls.get(piece.block);
      if (call !== undefined) call.text += piece.text;
      break;
    }
    case 'usage':
      gathered.usage = piece.usage;
      break;
    case 'reply-end':
      gathered.end = piece;
      break;
    default:
      gatherAside(gathered, piece);
  }
}

function gatherAside(gathered: Gathered, piece: Piece): void {
  if (piece.type === 'citation') {
    enterText(gathered, piece.block);
    const annotation = writeCitation(piece.citation, gathered.textBefore);
    if (annotation !== undefined) gathered.annotations.push(annotation);
  } else if (piece.type === 'logprobs') {
    const tokens = piece.logprobs.map(writeTokenLogprob);
    if (piece.block === gathered.refusalBlock) gathered.refusalLogprobs.push(...tokens);
    else gathered.contentLogprobs.push(...tokens);
  } else if (piece.type === 'media') {
    gathered.images.push(...asList(writeMedia(piece)?.images));
  } else if (piece.type === 'opaque') {
    Object.assign(gathered.audio, ownAudio(piece)?.audio);
  }
}

function enterText(gathered: Gathered, block: number): void {
  if (gathered.textBlock === block) return;
  gathered.textBlock = block;
  gathered.textBefore = gathered.content.length;
}

function gatherReasoning(
  blocks: Map<number, ReasoningDetail>,
  piece: { block: number; text: string } | { block: number; seal: ReasoningSeal },
): void {
  const detail = blocks.get(piece.block) ?? {};
  if ('text' in piece) detail.text = (detail.text ?? '') + piece.text;
  else detail.seal = piece.seal;
  blocks.set(piece.block, detail);
}

function writeMessage(gathered: Gathered): JsonRecord {
  const { content, refusal, annotations, images, audio } = gathered;
  const reasoning = [...gathered.reasoning.values()];
  const text = reasoning.map((detail) => detail.text ?? '').join('');
  const calls = [...gathered.calls.values()].map(writeCall);
  const isSilent = !gathered.hasContent && (calls.length > 0 || refusal !== '');
  return {
    role: 'assistant',
    content: isSilent ? null : content,
    refusal: refusal === '' ? null : refusal,
    ...(text !== '' && { reasoning_content: text }),
    ...(reasoning.some((detail) => detail.seal !== undefined) && {
      reasoning_details: writeDetails(reasoning),
    }),
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(annotations.length > 0 && { annotations }),
    ...(images.length > 0 && { images }),
    ...(Object.keys(audio).length > 0 && { audio }),
  };
}

function writeCall(call: Call): JsonRecord {
  const { id, name, text } = call;
  return call.kind === 'custom'
    ? { id, type: 'custom', custom: { name, input: text } }
    : { id, type: 'function', function: { name, arguments: text || '{}' } };
}

function writeLogprobs(gathered: Gathered): JsonRecord | null {
  const { contentLogprobs: content, refusalLogprobs: refusal } = gathered;
  if (content.length === 0 && refusal.length === 0) return null;
  return {
    content: content.length === 0 ? null : content,
    refusal: refusal.length === 0 ? null : refusal,
  };
}
