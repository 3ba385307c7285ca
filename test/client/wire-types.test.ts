import type * as client from '@farebox/client'
import type { Unit } from '@farebox/core'
import type { GrantSource } from '@farebox/ledger'
import type { WireAnswers, WireRequests } from 'farebox'
import { expect, expectTypeOf, it } from 'vitest'

/** The client's type for every answer, by the name of its schema. */
interface Answers {
  ServiceConfiguration: client.ServiceConfiguration
  ServiceUsed: client.ServiceUsed
  AttemptUsed: client.AttemptUsed
  Receipt: client.Receipt
  Agent: client.Agent
  ChatAnswer: client.ChatAnswer
  ChatEvent: client.ChatEvent
  VoiceAnswer: client.VoiceAnswer
  CallAnswer: client.CallAnswer
  OpenedWorkflow: client.OpenedWorkflow
  UsageCharged: client.UsageCharged
  EstimatedService: client.EstimatedService
  Estimate: client.Estimate
  ServiceBreakdown: client.ServiceBreakdown
  UsageReport: client.UsageReport
  KeyUsageReport: client.KeyUsageReport
  Recommendation: client.Recommendation
  Recommendations: client.Recommendations
  Grant: client.Grant
  Credits: client.Credits
  StatementEntry: client.StatementEntry
  StatementPage: client.StatementPage
  Price: client.Price
  PriceList: client.PriceList
  Health: client.Health
  Readiness: client.Readiness
  WorkflowListing: client.WorkflowListing
  WorkflowPage: client.WorkflowPage
  WorkflowDetails: client.WorkflowDetails
  Charge: client.Charge
  RouteDecision: client.RouteDecision
  RouteCandidate: client.RouteCandidate
  UsageSeriesEntry: client.UsageSeriesEntry
  UsageSeries: client.UsageSeries
  Budget: client.Budget
  Budgets: client.Budgets
  OwnKeys: client.OwnKeys
  OfferStatus: client.OfferStatus
  AdapterStatus: client.AdapterStatus
  ProviderStatus: client.ProviderStatus
  AccountPage: client.AccountPage
  CreatedAccount: client.CreatedAccount
  Granted: client.Granted
  RevokedGrant: client.RevokedGrant
  ChargedBack: client.ChargedBack
  Refunded: client.Refunded
  FrozenAccount: client.FrozenAccount
  CreatedKey: client.CreatedKey
  KeyService: client.KeyService
  KeySummary: client.KeySummary
  AccountKeys: client.AccountKeys
  KeyServices: client.KeyServices
  RotatedKey: client.RotatedKey
  RevokedKey: client.RevokedKey
  CreatedBudget: client.CreatedBudget
  Problem: client.Problem
}

/** The client's type for every request, by the name of its schema. */
interface Requests {
  CreateAgentRequest: client.CreateAgentRequest
  ChatRequest: client.ChatRequest & { stream?: boolean }
  CallRequest: client.CallRequest
  OpenWorkflowRequest: client.OpenWorkflowRequest
  UsageRequest: client.UsageRequest
  EstimateRequest: client.EstimateRequest
  CreateAccountRequest: client.CreateAccountRequest
  GrantRequest: client.GrantRequest
  RevokeGrantRequest: client.RevokeGrantRequest
  ChargebackRequest: client.ChargebackRequest
  RefundRequest: client.RefundRequest
  FreezeRequest: client.FreezeRequest
  CreateKeyRequest: client.CreateKeyRequest
  RotateKeyRequest: client.RotateKeyRequest
  KeyServicesRequest: client.KeyServicesRequest
  BudgetRequest: client.BudgetRequest
}

/** A type in which a text is a text: names that the client suggests beside any other are no difference. */
type Plain<Type> = [Type] extends [string | number | boolean | null | undefined]
  ? [Extract<Type, string>] extends [never]
    ? Type
    : string extends Extract<Type, string>
      ? string | Exclude<Type, string>
      : Type
  : Type extends readonly (infer Entry)[]
    ? Plain<Entry>[]
    : Type extends object
      ? { [Key in keyof Type]: Plain<Type[Key]> }
      : Type

/** The fields of every form that a type may have. */
type FieldsOf<Type> = Type extends Type ? keyof Type : never

// `tsc` fails where these do not hold, and names what differs. There is nothing to find out when they run.
it('has the type of every schema, and no other', () => {
  expectTypeOf<keyof Answers>().toEqualTypeOf<keyof WireAnswers>()
  expectTypeOf<{ [Name in keyof Answers]: Plain<Answers[Name]> }>().toEqualTypeOf<{
    [Name in keyof WireAnswers]: Plain<WireAnswers[Name]>
  }>()
  expect(true).toBe(true)
})

it('asks for what every schema takes, and leaves nothing out', () => {
  expectTypeOf<keyof Requests>().toEqualTypeOf<keyof WireRequests>()
  expectTypeOf<Requests>().toExtend<WireRequests>()
  expectTypeOf<{ [Name in keyof Requests]: FieldsOf<Requests[Name]> }>().toEqualTypeOf<{
    [Name in keyof WireRequests]: FieldsOf<WireRequests[Name]>
  }>()
  expectTypeOf<client.UnitType>().toEqualTypeOf<Unit>()
  expectTypeOf<client.GrantSource>().toEqualTypeOf<GrantSource>()
  expect(true).toBe(true)
})
