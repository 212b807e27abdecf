// The version of the package, as leases tell it of their clients.

export const version = "0.1.0";
