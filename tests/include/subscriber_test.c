/* The C client from C11, as a user of libflatline would call it: nobody there is waited for, and
   what is no address is told in words. The stream itself is client_test's. */
#include <flatline/subscriber.h>

#include <stdio.h>
#include <string.h>

static void OnRecords(const FlatlineRecord* records, size_t count, void* context) {
  (void)records;
  *(size_t*)context += count;
}

static int Expect(int holds, const char* what) {
  if (!holds) {
    fprintf(stderr, "does not hold: %s\n", what);
  }
  return holds ? 0 : 1;
}

int main(void) {
  int failures = Expect(sizeof(FlatlineRecord) == 64, "a record has 64 bytes");
  const uint32_t groups[] = {1, 2};
  size_t heard = 0;
  FlatlineSubscription wanted = {.address = "unix:/nonexistent/flatline.sock",
                                 .start = kFlatlineFrom,
                                 .sequence = 17,
                                 .groups = groups,
                                 .group_count = 2};
  FlatlineSubscriber* subscriber = FlatlineSubscribe(&wanted);
  failures += Expect(subscriber != NULL, "a subscriber is made");
  failures += Expect(FlatlinePoll(subscriber, 10, OnRecords, &heard) == 0, "nobody is waited for");
  failures += Expect(heard == 0 && FlatlineSequence(subscriber) == 17, "the position stays");
  failures += Expect(strcmp(FlatlineError(subscriber), "") == 0, "that is no error");
  failures += Expect(FlatlineDescriptor(subscriber) == -1, "there is no socket");
  FlatlineUnsubscribe(subscriber);

  wanted.address = "somewhere";
  subscriber = FlatlineSubscribe(&wanted);
  failures += Expect(FlatlinePoll(subscriber, 10, OnRecords, &heard) == -1, "no address fails");
  failures += Expect(strstr(FlatlineError(subscriber), "somewhere") != NULL, "and is told");
  FlatlineUnsubscribe(subscriber);

  wanted.address = NULL;
  failures += Expect(FlatlineSubscribe(&wanted) == NULL, "NULL is no address");
  return failures;
}
