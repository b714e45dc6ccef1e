"""The assets as a user gets them: rendered for a scope, from the runtime that is here."""
