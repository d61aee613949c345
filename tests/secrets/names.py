"""Names of fields, by whether what they hold is a secret: a secret word, and what stands behind it."""

from __future__ import annotations

SECRET = (
    *("token_value", "tokenValue", "token-value", "token.value", "TOKEN_VALUE", "my_secret_key", "mySecretKey"),
    *("api_key2", "apiKey2", "api_key_2", "x-api-key-2", "authToken", "sessionToken", "session_token_raw"),
    *("password_hash", "passwordHash", "token_b64", "privateKeyPem", "private_key_pem", "access_token_old"),
    *(
        "api_key_prod",
        "apiKeyProduction",
        "token_staging",
        "token_value_2",
        "secret_data",
        "jwt_raw",
        "credential_text",
    ),
)
HARMLESS = (
    *("token_type", "tokenType", "tokens_total", "token_count", "token_ttl", "token_realm", "token_service"),
    *("token_expires_at", "token_id", "token_valued", "tokenizer", "tokenizer_value", "key", "key2", "key_value"),
    *("keyValue", "digest", "digest_value", "auth_type", "auth_user_type", "auth_user_name", "author_text", "value"),
    *(
        "session_count",
        "session_duration",
        "signature_valid",
        "monkey_2",
        "oauth2",
        "sha256",
        "state_2",
        "data",
        "text",
    ),
)
