"""Runs scim2-tester against a server: `scim-tester.py BASE_URL TOKEN`; prints its results as JSON."""
import json
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server

base, token = sys.argv[1:3]
headers = {"Authorization": f"Bearer {token}", "Accept": "application/scim+json"}
client = SyncSCIMClient(Client(base_url=base, headers=headers))
results = [
    {
        "status": result.status.name,
        "check": result.title,
        "resource": result.resource_type,
        "attribute": result.data.get("urn") if isinstance(result.data, dict) else None,
        "reason": str(result.reason),
    }
    for result in check_server(client)
]
print(json.dumps(results))
