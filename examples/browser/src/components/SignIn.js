import { signIn } from '@/lib/dbal-client'

/** Takes a token by hand, in place of an application's own way of signing in. */
export function SignIn() {
  const form = document.createElement('form')
  form.innerHTML = '<label>Token <input name="token" autocomplete="off"></label> <button>Sign in</button>'
  form.onsubmit = (event) => {
    event.preventDefault()
    signIn(new FormData(form).get('token'))
  }
  return form
}
