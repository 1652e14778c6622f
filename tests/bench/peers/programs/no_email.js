// Stands in for cloudflare:email, which workerd alone does not have and the counter does not use.
export class EmailMessage {}
