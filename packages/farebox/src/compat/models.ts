import type { Service } from '@farebox/core'
import { type AuthenticatedKey, keyPermission } from '@farebox/ledger'
import { type CatalogEntry, presets } from '@farebox/router'
import type { Farebox } from '../farebox.ts'
import { ModelNotFoundError } from '../http/http-errors.ts'
import { accountRoute } from '../http/route.ts'
import { model, modelList } from './answers.ts'
import { AUTO, findConfiguration } from './resolve-model.ts'

/** The services that the OpenAI-compatible routes can call. */
const SERVICES: readonly Service[] = ['gpt', 'embedding', 'voice_tts', 'voice_stt']

export const models = [
  accountRoute({
    method: 'get',
    path: '/v1/models',
    operationId: 'listModels',
    tag: 'openai',
    summary: 'List the values of `model`: providers, `auto`, presets and business adapters. The ids of agents work too',
    answer: modelList,
    handle: ({ box, key }) => ({
      object: 'list' as const,
      data: [...listModels(box, key)].map(([id, owner]) => modelJson(id, owner)),
    }),
  }),

  accountRoute({
    method: 'get',
    path: '/v1/models/:model{.+}',
    operationId: 'getModel',
    tag: 'openai',
    summary: 'Check whether a value of `model` is valid',
    answer: model,
    async handle({ box, key, parameters }) {
      const id = parameters.model ?? ''
      const owner = listModels(box, key).get(id) ?? ownerBehind(box, key, id)
      if (owner !== undefined) return modelJson(id, owner)
      if (await findConfiguration(box, key.accountId, id)) return modelJson(id, 'farebox')
      throw new ModelNotFoundError(`there is no model ${JSON.stringify(id)}: GET /v1/models lists what there is`)
    },
  }),
]

/** The models on offer now that this key may use: by name, the owner of each. */
function listModels(box: Farebox, key: AuthenticatedKey): Map<string, string> {
  const owners = new Map<string, string>()
  for (const { offer, adapter } of usableEntries(box, key)) {
    if (!owners.has(offer.provider)) owners.set(offer.provider, adapter.name)
  }
  const named = [AUTO, ...Object.keys(presets), ...box.businessAdapters.map(({ name }) => name)]
  for (const name of named) if (!owners.has(name)) owners.set(name, 'farebox')
  return owners
}

/** The owner of the model behind a provider. The list leaves such models out, but a caller may request them. */
function ownerBehind(box: Farebox, key: AuthenticatedKey, model: string): string | undefined {
  return usableEntries(box, key).find(({ offer }) => offer.model === model)?.adapter.name
}

function usableEntries(box: Farebox, key: AuthenticatedKey): CatalogEntry[] {
  return SERVICES.flatMap((service) =>
    box.catalog
      .forService(service)
      .filter(
        ({ offer, adapter }) =>
          adapter.availability.status === 'ready' &&
          (key.services.length === 0 || keyPermission(key, service, offer.provider) !== undefined),
      ),
  )
}

/** `created` is unknown for most models, but OpenAI's clients expect a number. */
function modelJson(id: string, owner: string) {
  return { id, object: 'model' as const, created: 0, owned_by: owner }
}
