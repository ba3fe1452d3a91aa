"""Networks and layers that several systems share. They only compute: no losses, devices, seeds or files here."""
