// Written by `cargo xtask codegen` from bindings/node/lib/error.js. Do not edit.

/** What dbal reports when it cannot do what was asked. `code` is stable; the message is for people. */
class DBALError extends Error {
  constructor(told) {
    super(told.message)
    this.code = told.code
    this.reason = told.reason ?? null
    this.fields = told.fields ?? []
    this.retryable = told.retryable ?? false
    this.outcome = told.outcome ?? null
    this.operation = told.operation ?? null
    this.entity = told.entity ?? null
    if (told.retryAfter != null) this.retryAfter = told.retryAfter
    // The driver's own words: for the log, and for trusted code alone.
    if (told.detail != null) this.detail = told.detail
  }
}
Object.defineProperty(DBALError.prototype, 'name', { value: 'DBALError', configurable: true, writable: true })

/** One VALIDATION_ERROR of faults found before anything was asked. */
function invalid(fields) {
  const message = fields.map((fault) => `${fault.field}: ${fault.message}`).join('; ')
  return new DBALError({ code: 'VALIDATION_ERROR', message, fields })
}

/** What native code threw, as what it means. */
function thrown(error) {
  if (error instanceof Error && error.message.startsWith('{"code"')) {
    return new DBALError(JSON.parse(error.message))
  }
  return error
}

export { DBALError, invalid, thrown }
