/** Top-level request fields that speak to the gateway itself: used up here, never sent upstream. */
export const gatewayFields = ['provider', 'models', 'session_id', 'usage'] as const;

export function isGatewayField(name: string): boolean {
  return (gatewayFields as readonly string[]).includes(name);
}
