declare module 'pg816' {
  export { default } from 'pg'
}
