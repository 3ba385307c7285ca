import { exerciseProviderAdapter, type Method } from '@farebox/providers/conformance'
import sdk from 'twilio'
import { faultByKind, openTwilio, SECRET } from './twilio-harness.ts'

const methods: Method[] = ['call']
const failureKinds = Object.keys(faultByKind) as (keyof typeof faultByKind)[]
const options = { methods, irrevocable: methods, failureKinds, secrets: [SECRET] }

exerciseProviderAdapter('twilio, SDK that it loads by itself', () => openTwilio(), {
  ...options,
  failureKinds: [...failureKinds, 'network'],
})

exerciseProviderAdapter(
  "twilio, client that is the host's own",
  () =>
    openTwilio(({ accountSid, authToken, url }) => {
      const client = sdk(accountSid, authToken)
      client.api.baseUrl = url
      return { client }
    }),
  options,
)
