// What control says when it can go on no more, whatever thread it is that has no memory left: one
// line, and exit status 1, instead of an abort without a word. Installed by main, before there are
// threads. What was told is in the journal then, what was not is in the dataplane's rings, and the
// next control goes on there: so nothing is unwound, as after a kill.
#pragma once

namespace flatline {

void InstallLastWords();

}  // namespace flatline
