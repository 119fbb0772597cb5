// What the owner is shown, and when. What they started by plugging in or by asking is answered, at most twice, quietly; a new device
// asks its question; what stays wrong is told by the reminders' rules (domain/reminders), once a fact, replaced and not repeated,
// and taken back when it is over. All else is silent. Pure: it decides, someone else shows and stores.

import { assertNever } from '../../domain/assert.ts';
import type { News } from '../../domain/news.ts';
import type { Notice } from '../../domain/notice.ts';
import { freshMs, patienceMs } from '../../domain/phone-patience.ts';
import { isQuiet, type QuietHours } from '../../domain/reminders.ts';
import type { Need } from '../../domain/status.ts';
import * as words from './notice-words.ts';

/** Shorter work is answered by its end alone. */
const announceMsMin = 30_000;
/** Before that, nothing can be said of how long it will take. */
const estimateAfterMs = 5000;
/** A cable that comes loose and is put back, within this, is the same visit. */
const sameVisitMs = 3_600_000;
/** A question about a new device comes back with the device, but not sooner than this. */
const askAgainMs = 3 * 86_400_000;
/** A tray may come up later than Keepsake. */
const noIconMs = 10 * 60_000;
/** Whoever plugs something in is awake, and is answered in the evening too; but not at night. */
export const answerQuietHours: QuietHours = { fromHour: 23, untilHour: 7 };
const visitsMax = 100;
const askedMax = 1000;

/** What the owner is waiting to hear about one device. Times are of the wall clock. */
interface Visit {
  readonly sinceMs: number;
  readonly leftAtMs?: number;
  /** `waiting`: nothing was said yet. `announced`: that it takes a while. `answered`: the rest is silence. */
  readonly said: 'waiting' | 'announced' | 'answered';
  /** The owner asked for it by a click: then "nothing new" is an answer as well. */
  readonly isAsked?: true;
  /** What stopped it, as it was told. */
  readonly told?: string;
  /** It needs its owner, since then; told, or not yet. */
  readonly waits?: { readonly sinceMs: number; readonly notice: Notice; readonly isTold: boolean };
  /** That it needs its owner was told in this visit. */
  readonly hasAskedOwner?: true;
}

export interface NoticeState {
  readonly visits: Readonly<Record<string, Visit>>;
  /** What waits for the morning, by device. */
  readonly deferred: Readonly<Record<string, Notice>>;
  /** New devices whose question said how many photos there are. */
  readonly exact: readonly string[];
  /** Keys of standing facts that were shown. */
  readonly shown: readonly string[];
  readonly noIconSinceMs?: number;
  /** To be stored: it outlives a restart. */
  readonly kept: KeptNoticeState;
}

export interface KeptNoticeState {
  /** When each new device was last asked about. */
  readonly askedAtMs: Readonly<Record<string, number>>;
  /** Once is enough. */
  readonly saidNoIcon: boolean;
}

export const nothingSaid: NoticeState = {
  visits: {},
  deferred: {},
  exact: [],
  shown: [],
  kept: { askedAtMs: {}, saidNoIcon: false },
};

/** What a crash took from the screen: a question that was there, and not answered, is asked again when its device is here. */
export function toBeAskedAnew(kept: KeptNoticeState, keys: readonly string[]): KeptNoticeState {
  const asked = Object.entries(kept.askedAtMs).filter(([id]) => !keys.includes(questionKey(id)));
  return { ...kept, askedAtMs: Object.fromEntries(asked) };
}

export interface NoticeDecision {
  readonly state: NoticeState;
  readonly show: readonly Notice[];
  /** Keys of notices that are no longer true. */
  readonly withdraw: readonly string[];
}

export interface Moment {
  readonly nowMs: number;
  /** Local time of day in hours, 0 to 23. */
  readonly localHour: number;
  readonly quietHours?: QuietHours;
}

export function decideNotices(state: NoticeState, news: News, moment: Moment): NoticeDecision {
  const { kind } = news;
  switch (kind) {
    case 'arrived':
      return quiet(withVisit(state, news.id, arrival(state.visits[news.id], news.byOwner, moment.nowMs)));
    case 'left':
      return left(state, news.id, moment);
    case 'progress':
      return announce(state, news, moment);
    case 'saved':
    case 'copied':
      return answer(state, news, moment);
    case 'stopped':
      return explain(state, news, moment);
    case 'waits':
      return wait(state, news, moment);
    case 'newDevice':
      return ask(state, news, moment);
    case 'decided':
      return forget(state, news);
    case 'standing':
      return {
        state: { ...state, shown: [...new Set([...news.keys.filter((key) => isShown(state, news, key))])] },
        show: news.tell.map(words.standing),
        withdraw: state.shown.filter((key) => !news.keys.includes(key)),
      };
    case 'asked':
      return asked(state, news.ids, moment);
    case 'ejected':
      return showNow(state, words.ejected(news));
    case 'refused':
      return showNow(state, words.refused(news.why));
    case 'icon':
      return icon(state, news.isShown, moment.nowMs);
    case 'minute':
      return minute(state, moment);
    default:
      return assertNever(kind);
  }
}

type Of<Kind extends News['kind']> = Extract<News, { readonly kind: Kind }>;

function isShown(state: NoticeState, news: Of<'standing'>, key: string): boolean {
  return state.shown.includes(key) || news.tell.some((each) => each.key === key);
}

function quiet(state: NoticeState): NoticeDecision {
  return { state, show: [], withdraw: [] };
}

/** Nothing at night: whoever is awake sees the icon. */
function show(state: NoticeState, notice: Notice, moment: Moment): NoticeDecision {
  if (isQuiet(moment.localHour, moment.quietHours ?? answerQuietHours)) return quiet(state);
  return { state, show: [notice], withdraw: [] };
}

/** At any hour: whoever just clicked is waiting for it. */
function showNow(state: NoticeState, notice: Notice): NoticeDecision {
  return { state, show: [notice], withdraw: [] };
}

/** What must not be missed waits for the morning; the last thing of each device. */
function showOrDefer(
  state: NoticeState,
  id: string,
  { notice, moment }: { readonly notice: Notice; readonly moment: Moment },
): NoticeDecision {
  const decision = show(state, notice, moment);
  return decision.show.length > 0 ? decision : quiet({ ...state, deferred: { ...state.deferred, [id]: notice } });
}

function arrival(before: Visit | undefined, byOwner: boolean, nowMs: number): Visit {
  const isSame = before?.leftAtMs !== undefined && nowMs - before.leftAtMs < sameVisitMs;
  const told = isSame && before.told !== undefined ? { told: before.told } : {};
  const hasAsked = isSame && before.hasAskedOwner === true ? { hasAskedOwner: true as const } : {};
  // In the middle of it, it was said already that it takes a while.
  const said = isSame && before.said === 'announced' ? 'announced' : 'waiting';
  return { sinceMs: nowMs, said: byOwner ? said : 'answered', ...told, ...hasAsked };
}

function left(state: NoticeState, id: string, { nowMs }: Moment): NoticeDecision {
  const visit = state.visits[id];
  const { [id]: _, ...deferred } = state.deferred;
  const without = { ...state, deferred };
  if (visit === undefined) return { state: without, show: [], withdraw: [questionKey(id)] };
  const { waits, ...rest } = visit;
  return {
    state: withVisit(without, id, { ...rest, leftAtMs: nowMs }),
    show: [],
    // The answer stays: it may be read after the phone was taken away. What is asked of it does not.
    withdraw: [questionKey(id), ...(waits === undefined ? [] : [visitKey(id)])],
  };
}

function announce(state: NoticeState, news: Of<'progress'>, moment: Moment): NoticeDecision {
  const visit = state.visits[news.id];
  if (visit?.said !== 'waiting' || news.elapsedMs < estimateAfterMs) return quiet(state);
  if (news.elapsedMs + news.leftMs < announceMsMin) return quiet(state);
  const next = withVisit(state, news.id, { ...begun(visit), said: 'announced' });
  return show(next, words.announcement(visitKey(news.id), news), moment);
}

function answer(state: NoticeState, news: Of<'saved' | 'copied'>, moment: Moment): NoticeDecision {
  const visit = state.visits[news.id];
  const amount = news.kind === 'saved' ? news.newPhotos : news.files;
  // What was wrong and is not any more is no longer told, whoever began this.
  const over = visit?.told === undefined && visit?.waits === undefined ? [] : [visitKey(news.id)];
  const inICloud = news.kind === 'saved' ? news.onlyInICloud : undefined;
  if (visit === undefined || visit.said === 'answered') {
    const next = visit === undefined ? state : withVisit(state, news.id, settled(visit));
    if (inICloud === undefined) return { state: next, show: [], withdraw: over };
    // Nobody waits to hear how it ended, but that it was not all of it is news.
    const notice = words.onlyInICloud(visitKey(news.id), news.name, inICloud);
    const decision = showOrDefer(next, news.id, { notice, moment });
    return { ...decision, withdraw: decision.show.length > 0 ? [] : over };
  }
  const { [news.id]: _, ...deferred } = state.deferred;
  const next = { ...withVisit(state, news.id, settled(visit)), deferred };
  const isFresh = news.kind === 'copied' || (news.lastSuccessAgeMs !== undefined && news.lastSuccessAgeMs < freshMs);
  const isAsked = visit.isAsked === true;
  const isWorthSaying = amount > 0 || isAsked || visit.said === 'announced' || !isFresh || inICloud !== undefined;
  if (!isWorthSaying) return { state: next, show: [], withdraw: over };
  const notice = words.answer(visitKey(news.id), news);
  const byHour = inICloud === undefined ? show(next, notice, moment) : showOrDefer(next, news.id, { notice, moment });
  const decision = isAsked ? showNow(next, notice) : byHour;
  return { ...decision, withdraw: [questionKey(news.id), ...(decision.show.length > 0 ? [] : over)] };
}

function begun({ waits: _, ...visit }: Visit): Visit {
  return visit;
}

function settled({ sinceMs, leftAtMs }: Visit): Visit {
  return { sinceMs, said: 'answered', ...(leftAtMs === undefined ? {} : { leftAtMs }) };
}

/** Told once, and again only if it is something else: it is tried each hour. */
function explain(state: NoticeState, { id, ...news }: Of<'stopped'>, moment: Moment): NoticeDecision {
  const visit = state.visits[id] ?? { sinceMs: moment.nowMs, said: 'answered' };
  if (visit.told === news.why.code && visit.isAsked !== true) return quiet(state);
  const { isAsked, ...rest } = begun(visit);
  const next = withVisit(state, id, { ...rest, said: 'answered', told: news.why.code });
  const notice = words.stopped(visitKey(id), { id, ...news });
  return isAsked === true ? showNow(next, notice) : showOrDefer(next, id, { notice, moment });
}

function wait(state: NoticeState, news: Of<'waits'>, moment: Moment): NoticeDecision {
  const visit = state.visits[news.id];
  if (visit === undefined || visit.said === 'answered' || visit.hasAskedOwner === true) return quiet(state);
  const { lastSuccessAgeMs = Infinity } = news;
  if (lastSuccessAgeMs < freshMs && visit.isAsked !== true) return quiet(state);
  const sinceMs = visit.waits?.sinceMs ?? moment.nowMs;
  const notice = words.waits(visitKey(news.id), news);
  const next = withVisit(state, news.id, { ...visit, waits: { sinceMs, notice, isTold: false } });
  const isUrgent = isAnsweredOnPhone(news.why) || visit.isAsked === true;
  return isUrgent ? due(next, news.id, { sinceMs: -Infinity, notice }, moment) : quiet(next);
}

/** The phone shows a question of its own, which would go by: that is said at once. */
function isAnsweredOnPhone({ code }: Need): boolean {
  return code === 'PHONE_TRUST_PENDING';
}

function due(
  state: NoticeState,
  id: string,
  { sinceMs, notice }: Omit<NonNullable<Visit['waits']>, 'isTold'>,
  moment: Moment,
): NoticeDecision {
  const visit = state.visits[id];
  if (visit === undefined || moment.nowMs - sinceMs < patienceMs) return quiet(state);
  const waits = { sinceMs, notice, isTold: true };
  const decision = visit.isAsked === true ? showNow(state, notice) : show(state, notice, moment);
  if (decision.show.length === 0) return quiet(state);
  return { ...decision, state: withVisit(state, id, { ...visit, said: 'announced', waits, hasAskedOwner: true }) };
}

function ask(state: NoticeState, news: Of<'newDevice'>, moment: Moment): NoticeDecision {
  const askedAtMs = state.kept.askedAtMs[news.id];
  const isAsked = askedAtMs !== undefined && Math.abs(moment.nowMs - askedAtMs) < askAgainMs;
  const notice = words.question(questionKey(news.id), news);
  // What is on it was learnt after it was asked about, in one visit: the question is made exact.
  const isExact = news.newPhotos !== undefined;
  const isMoreExact = isAsked && isExact && !state.exact.includes(news.id) && moment.nowMs - askedAtMs < sameVisitMs;
  if (isAsked && !isMoreExact) return quiet(state);
  const exact = isExact ? [...state.exact.filter((id) => id !== news.id), news.id].slice(-visitsMax) : state.exact;
  return askNow({ ...state, exact }, news.id, notice, moment);
}

function askNow(state: NoticeState, id: string, notice: Notice, moment: Moment): NoticeDecision {
  const decision = show(state, notice, moment);
  if (decision.show.length === 0) return quiet({ ...state, deferred: { ...state.deferred, [id]: notice } });
  const { [id]: _, ...deferred } = state.deferred;
  if (notice.key !== questionKey(id)) return { ...decision, state: { ...state, deferred } };
  const asked = Object.entries({ ...state.kept.askedAtMs, [id]: moment.nowMs }).slice(-askedMax);
  return { ...decision, state: { ...state, deferred, kept: { ...state.kept, askedAtMs: Object.fromEntries(asked) } } };
}

function forget(state: NoticeState, { id, isWanted }: Of<'decided'>): NoticeDecision {
  const { [id]: _, ...deferred } = state.deferred;
  // Whoever decided is waiting to hear what comes of it.
  const visit = state.visits[id];
  const said = isWanted ? 'waiting' : 'answered';
  const next = visit === undefined ? state : withVisit(state, id, { ...begun(visit), said });
  return { state: { ...next, deferred }, show: [], withdraw: [questionKey(id)] };
}

function asked(state: NoticeState, ids: readonly string[], moment: Moment): NoticeDecision {
  if (ids.length === 0) return showNow(state, words.nothingConnected());
  const next = ids.reduce(
    (each, id) => withVisit(each, id, { sinceMs: moment.nowMs, said: 'waiting', isAsked: true as const }),
    state,
  );
  // Its question is answered.
  return { state: next, show: [], withdraw: ids.map(questionKey) };
}

function icon({ noIconSinceMs, ...state }: NoticeState, isShown: boolean, nowMs: number): NoticeDecision {
  return quiet(isShown ? state : { ...state, noIconSinceMs: noIconSinceMs ?? nowMs });
}

function minute(state: NoticeState, moment: Moment): NoticeDecision {
  let decision = quiet(state);
  const add = ({ state: next, show: shown }: NoticeDecision) => {
    decision = { ...decision, state: next, show: [...decision.show, ...shown] };
  };
  for (const [id, { waits, said }] of Object.entries(state.visits))
    if (waits?.isTold === false && said !== 'answered') add(due(decision.state, id, waits, moment));
  for (const [id, notice] of Object.entries(state.deferred)) add(askNow(decision.state, id, notice, moment));
  const { noIconSinceMs, kept } = decision.state;
  if (noIconSinceMs !== undefined && !kept.saidNoIcon && moment.nowMs - noIconSinceMs >= noIconMs) {
    const said = show(decision.state, words.noIcon(), moment);
    if (said.show.length > 0) add({ ...said, state: { ...said.state, kept: { ...kept, saidNoIcon: true } } });
  }
  return decision;
}

function withVisit(state: NoticeState, id: string, visit: Visit): NoticeState {
  const { [id]: _, ...others } = state.visits;
  return { ...state, visits: Object.fromEntries([...Object.entries(others), [id, visit]].slice(-visitsMax)) };
}

function visitKey(id: string): string {
  return `visit:${id}`;
}

function questionKey(id: string): string {
  return `question:${id}`;
}
