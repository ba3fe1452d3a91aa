"""Networks and layers that several systems share. They only compute: no loss, device, seed or file in here."""
