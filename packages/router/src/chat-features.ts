import type { ChatMessage, Tool } from '@farebox/core'

/** Features of a chat that indicate how hard it is. Unless stated otherwise, they describe the last message of the user. */
export interface ChatFeatures {
  /** Estimated tokens: characters divided by four. */
  readonly questionTokens: number
  /** Estimated tokens of the whole conversation. */
  readonly contextTokens: number
  /** Messages of the user in the conversation. */
  readonly turns: number
  /** Question marks. */
  readonly questions: number
  /** Words that ask for reasoning: `why`, `prove`, `compare`, `calculate`. */
  readonly reasoningWords: number
  /** Words that ask for a fact: `who`, `when`, `which`, `define`. */
  readonly recallWords: number
  /** Words that set conditions: `if`, `unless`, `except`, `not`. */
  readonly conditionWords: number
  /** Words that ask for a long answer: `essay`, `detailed`, `1,000 words`. */
  readonly lengthWords: number
  readonly numbers: number
  /** Operators between numbers, LaTeX commands, powers. */
  readonly mathMarks: number
  /** Lines that look like code, and code fences, in the whole conversation. */
  readonly codeMarks: number
  /** Numbered or bulleted lines, and words such as `step` and `then`. */
  readonly steps: number
  /** Lettered answers of a multiple-choice question. */
  readonly choices: number
  /** Words about health, law, money and danger, where wrong answers do harm, in the whole conversation. */
  readonly safetyWords: number
  /** Writing systems: Latin, Cyrillic, Han, …, in the whole conversation. */
  readonly scripts: number
  /** Share of words that are common in English and in no other language with the same letters, from 0 to 1. */
  readonly englishShare: number
  /** Letters beyond A to Z, of any writing system. */
  readonly otherLetters: number
  /** Images in the whole conversation. */
  readonly images: number
  readonly tools: number
  /** Maximum tokens of the answer. 0: not stated. */
  readonly outputTokensMax: number
}

/** What {@link chatFeatures} considers besides the messages. */
export interface ChatShape {
  tools?: readonly Tool[]
  outputTokensMax?: number
}

/** Only this much text is examined. What makes a question hard shows earlier. */
const CHARACTERS_MAX = 16_000
const CHARACTERS_PER_TOKEN = 4

/** Computes the features of a chat. Pure. Keeps nothing of the text. */
export function chatFeatures(
  messages: readonly ChatMessage[],
  { tools = [], outputTokensMax = 0 }: ChatShape = {},
): ChatFeatures {
  const users = messages.filter(({ role }) => role === 'user')
  const last = users.at(-1)
  const question = last ? textOf(last).slice(0, CHARACTERS_MAX) : ''
  const all = messages.map(textOf).join('\n')
  const text = all.length > CHARACTERS_MAX ? `${question}\n${all.slice(-CHARACTERS_MAX)}` : all
  return {
    questionTokens: Math.ceil(question.length / CHARACTERS_PER_TOKEN),
    contextTokens: Math.ceil(all.length / CHARACTERS_PER_TOKEN),
    turns: users.length,
    questions: count(question, /[?？]/g),
    reasoningWords: count(question, REASONING),
    recallWords: count(question, RECALL),
    conditionWords: count(question, CONDITIONS),
    lengthWords: count(question, LENGTH),
    numbers: count(question, /\d[\d.,]*/g),
    mathMarks: count(question, MATH),
    codeMarks: count(text, CODE),
    steps: count(question, STEPS),
    choices: count(question, /^[ \t]{0,16}\(?[A-J][.):]\s/gm),
    safetyWords: count(text, SAFETY),
    scripts: SCRIPTS.filter((script) => script.test(text)).length,
    englishShare: englishShare(question),
    otherLetters: count(question, /[^\p{ASCII}\P{L}]/gu),
    images: messages.reduce((sum, { content }) => sum + imagesIn(content), 0),
    tools: tools.length,
    outputTokensMax,
  }
}

function textOf({ content }: ChatMessage): string {
  if (typeof content === 'string') return content
  return (content ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('\n')
}

function imagesIn(content: ChatMessage['content']): number {
  return typeof content === 'string' ? 0 : (content ?? []).filter(({ type }) => type === 'image').length
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}

function englishShare(text: string): number {
  const words = count(text, /[\p{L}']+/gu)
  return words === 0 ? 0 : count(text, ENGLISH) / words
}

// In each pattern, repetitions are bounded or cannot overlap with what follows, so that no text causes excessive backtracking.
const REASONING =
  /\b(?:why|how (?:can|could|do|does|should|would)|prove|proof|deriv\w+|demonstrat\w+|explain\w*|compar\w+|contrast\w*|analy[sz]\w+|evaluat\w+|assess\w*|design\w*|plan\w*|optimi[sz]\w+|calculat\w+|comput\w+|determin\w+|solve\w*|estimat\w+|simplif\w+|debug\w*|refactor\w*|implement\w*|critiqu\w+|argu\w+|infer\w*|deduc\w+|implies|imply|therefore|trade-?offs?|pros and cons)\b/gi
const RECALL =
  /\b(?:who|whom|whose|when|where|which|what(?:'s| is| are| was| were)|name|defin\w+|list|translate\w*|spell\w*|capital of|meaning of|stands? for|called|known as)\b/gi
const CONDITIONS =
  /\b(?:if|unless|except|assum\w+|suppos\w+|given that|provided|such that|at (?:least|most)|not|never|without|neither|nor|only|however|although|each|every|remaining|rest of|twice|half|times as|more than|less than|fewer)\b/gi
const LENGTH =
  /\b(?:essay|article|report|stor(?:y|ies)|chapter|novel|blog post|speech|script|in[- ]depth|detailed|comprehensive|thorough\w*|[1-9][\d,]{2,8}[- ]words?|pages?)\b/gi
const MATH =
  /\\[a-z]{1,30}|\$[^$\n]{1,80}\$|[a-z0-9)] ?\^ ?[a-z0-9({-]|\d ?[-+*/×÷=<>≤≥] ?\d|[a-z] ?= ?-?[a-z0-9(]|[√∑∫∏∞π≤≥≠]|\b(?:equations?|integrals?|derivatives?|probability|polynomials?|matrix|integers?|triangle|theorem|modulo|logarithm)\b/gi
const CODE =
  /```|^[ \t]{0,16}(?:def|class|function|import|from|const|let|var|public|private|return|for|while|if|elif|else|try|assert|#include|SELECT|INSERT|UPDATE|CREATE)\b[^.?!\n]{0,80}[({:;=]|\b\w{1,40}\([\w ,'"=.[\]]{0,80}\) ?(?:[;{:]|$)|=>|==|!=|\b(?:python|javascript|typescript|sql|regex|compiler|stack ?trace|exception|source code)\b/gim
const STEPS = /^[ \t]{0,16}(?:\d{1,2}[.)]|[-*•])[ \t]+\S|\b(?:step|steps|first(?:ly)?|then|next|afterwards|finally|secondly)\b/gim
const SAFETY =
  /\b(?:emergenc\w+|ambulance|suicid\w*|self-?harm|overdos\w*|poison\w*|blood|bleed\w*|unconscious|chest|heart|stroke|pain\w*|hurts?|breath\w*|seizure|allerg\w+|dos(?:e|es|age)|drugs?|alcohol|pills?|tablets?|ibuprofen|paracetamol|acetaminophen|aspirin|insulin|antibiotics?|vaccin\w*|medic\w+|symptoms?|diagnos\w+|pregnan\w+|bab(?:y|ies)|cancer|surgery|patients?|doctors?|hospitals?|kill\w*|d(?:ie|ies|ying|eath)|law|lawsuit|lawyers?|legal\w*|illegal\w*|liab\w+|court|contract|tax(?:es)?|loans?|mortgage|invest\w*|visa|immigration|abus\w+|assault\w*|violen\w+|weapons?|guns?|bombs?|explosiv\w*|fire|gas|electric\w*|police|911|112|danger\w*|safe(?:ty|ly)?)\b/gi
const ENGLISH =
  /\b(?:the|of|and|to|are|were|it|that|this|for|with|from|you|she|they|what|what's|which|who|where|when|why|how|if|my|your|does|can|could|would|have|has|not|about|there|hello|hi|hey|thanks|thank|please|yes|okay|good|bye|tell|give|write|translate)\b/gi
const SCRIPTS = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}{3,}/u,
  /\p{Script=Arabic}/u,
  /\p{Script=Hebrew}/u,
  /\p{Script=Han}/u,
  /[\p{Script=Hiragana}\p{Script=Katakana}]/u,
  /\p{Script=Hangul}/u,
  /\p{Script=Devanagari}/u,
  /\p{Script=Thai}/u,
]
