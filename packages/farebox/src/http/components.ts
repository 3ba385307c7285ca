import { serviceConfigurationSchema } from '@farebox/router'
import type { z } from 'zod'
import * as openaiAnswers from '../compat/answers.ts'
import { chatCompletionBody } from '../compat/chat-body.ts'
import { responsesBody } from '../compat/responses-body.ts'
import * as admin from './admin-answers.ts'
import * as answers from './answers.ts'
import * as routing from './routing-answers.ts'
import * as bodies from './schemas.ts'

/** The schemas of requests, by their names in the OpenAPI document. */
export const requests = {
  CreateAgentRequest: bodies.createAgentBody,
  ChatRequest: bodies.chatBody,
  CallRequest: bodies.callBody,
  OpenWorkflowRequest: bodies.openWorkflowBody,
  UsageRequest: bodies.usageBody,
  EstimateRequest: bodies.estimateBody,
  CreateAccountRequest: bodies.createAccountBody,
  GrantRequest: bodies.grantBody,
  RevokeGrantRequest: bodies.revokeGrantBody,
  ChargebackRequest: bodies.chargebackBody,
  RefundRequest: bodies.refundBody,
  FreezeRequest: bodies.freezeBody,
  CreateKeyRequest: bodies.createKeyBody,
  RotateKeyRequest: bodies.rotateKeyBody,
  KeyServicesRequest: bodies.keyServicesBody,
  BudgetRequest: bodies.budgetBody,
} as const

/** The schemas of answers, by their names in the OpenAPI document. */
export const responses = {
  ServiceConfiguration: answers.serviceConfiguration,
  ServiceUsed: answers.serviceUsed,
  AttemptUsed: answers.attemptUsed,
  Receipt: answers.receipt,
  Agent: answers.agent,
  ChatAnswer: answers.chatAnswer,
  ChatEvent: answers.chatEvent,
  VoiceAnswer: answers.voiceAnswer,
  CallAnswer: answers.callAnswer,
  OpenedWorkflow: answers.openedWorkflow,
  UsageCharged: answers.usageCharged,
  EstimatedService: answers.estimatedService,
  Estimate: answers.estimate,
  ServiceBreakdown: answers.serviceBreakdown,
  UsageReport: answers.usageReport,
  KeyUsageReport: answers.keyUsageReport,
  Recommendation: answers.recommendation,
  Recommendations: answers.recommendationReport,
  Grant: answers.grant,
  Credits: answers.accountCredits,
  StatementEntry: answers.statementEntry,
  StatementPage: answers.statementPage,
  Price: answers.price,
  PriceList: answers.priceList,
  Health: answers.health,
  Readiness: answers.readiness,
  WorkflowListing: answers.workflowListing,
  WorkflowPage: answers.workflowPage,
  WorkflowDetails: routing.workflowDetails,
  Charge: routing.charge,
  RouteDecision: routing.routeDecision,
  RouteCandidate: routing.routeCandidate,
  UsageSeriesEntry: answers.usageSeriesEntry,
  UsageSeries: answers.usageSeries,
  Budget: answers.budget,
  Budgets: answers.budgetList,
  OwnKeys: answers.ownKeys,
  OfferStatus: routing.offerStatus,
  AdapterStatus: routing.adapterStatus,
  ProviderStatus: routing.providerStatusAnswer,
  AccountPage: admin.accountPage,
  CreatedAccount: admin.createdAccount,
  Granted: admin.granted,
  RevokedGrant: admin.revokedGrant,
  ChargedBack: admin.chargedBack,
  Refunded: admin.refunded,
  FrozenAccount: admin.frozenAccount,
  CreatedKey: admin.createdKey,
  KeyService: admin.keyService,
  KeySummary: admin.keySummary,
  AccountKeys: admin.accountKeys,
  KeyServices: admin.keyServices,
  RotatedKey: admin.rotatedKey,
  RevokedKey: admin.revokedKey,
  CreatedBudget: admin.createdBudget,
  Problem: answers.problem,
} as const

/** Schemas with a name in the document that need no wire types: OpenAI's clients bring their own. */
export const others = {
  ServiceConfigurationFields: serviceConfigurationSchema,
  CreateChatCompletionRequest: chatCompletionBody,
  ChatCompletion: openaiAnswers.chatCompletionAnswer,
  CreateResponseRequest: responsesBody,
  Response: openaiAnswers.responseAnswer,
  EmbeddingList: openaiAnswers.embeddingList,
  Transcription: openaiAnswers.transcription,
  Model: openaiAnswers.model,
  ModelList: openaiAnswers.modelList,
  OpenaiError: openaiAnswers.openaiError,
} as const

/** The bodies of requests as they are sent, by name. */
export type WireRequests = { -readonly [Name in keyof typeof requests]: z.input<(typeof requests)[Name]> }

/** The bodies of answers as they are sent, by name. */
export type WireAnswers = { -readonly [Name in keyof typeof responses]: z.input<(typeof responses)[Name]> }
