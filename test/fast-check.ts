// fast-check with one seed for all: what holds today holds tomorrow, and what fails fails again. What fails is printed with its seed
// and the path to it.

import fc from "fast-check";

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 1_618_033_988 });

export { fc };
