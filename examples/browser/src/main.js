import { SignIn } from '@/components/SignIn'
import { UserList } from '@/components/UserList'

document.getElementById('app').append(SignIn(), UserList())
