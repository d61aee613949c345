"""`regobs top`: the status on a terminal, asked again and again, with a way down to one route and one process.

`take` asks a server, `pages` makes rows of its answers, `watch` knows what was asked when and how old what is shown is,
`app` shows it. Only `app` needs Textual.
"""
