"""Where a child goes, when the policy leaves that to the router."""
