"""The demo's page: a saved model that a client can ask, beside what is known of how right it is."""
