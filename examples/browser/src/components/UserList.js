import { dbal } from '@/lib/dbal-client'

/** The users that the caller may see; what that is, the rules of the daemon say. */
export function UserList() {
  const list = document.createElement('ul')
  dbal.users.list({ limit: 10, sort: { username: 'asc' } }).then(
    (result) => {
      list.append(...result.data.map((user) => Object.assign(document.createElement('li'), { textContent: user.username })))
      list.dataset.state = 'ready'
    },
    (error) => {
      list.replaceWith(Object.assign(document.createElement('p'), { className: 'error', textContent: `${error.code}: ${error.message}` }))
    },
  )
  return list
}
