// Nothing of it is mentioned: see README.md.
#pragma once
