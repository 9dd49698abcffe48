/*
 * Trains a recommender on made-up data, learns from a click, saves, loads, and shows what errors look like.
 *
 *   ./train                        all of it
 *   ./train clicks.safetensors     and ranks candidates by a model of clicks that train_ctr --checkpoint has saved
 *
 * C99, and C++ as well.
 */
#include "pocketrec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS = 300, ITEMS = 200, EACH = 20, TASTES = 4, K = 5 };

/* Ends the program where a call failed, with what the library says. */
static void must(pocketrec_status status, const char *what)
{
    if (status != POCKETREC_OK) {
        fprintf(stderr, "%s: status %d: %s\n", what, (int)status, pocketrec_last_error());
        exit(1);
    }
}

/* Shows an error that was provoked, and ends the program where it is another. */
static void must_fail(pocketrec_status status, pocketrec_status expected, const char *what)
{
    printf("  %-28s status %2d: %s\n", what, (int)status, pocketrec_last_error());
    if (status != expected || *pocketrec_last_error() == '\0') {
        fprintf(stderr, "%s: status %d was expected\n", what, (int)expected);
        exit(1);
    }
}

static void must_hold(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s does not hold\n", what);
        exit(1);
    }
}

/* Users like the items of their taste: three of four interactions are with those. */
static pocketrec_split *made_up(void)
{
    static uint32_t users[USERS * EACH], items[USERS * EACH];
    uint32_t user, row = 0, random = 1;
    int i;
    pocketrec_split *split;
    for (user = 0; user < USERS; user++) {
        for (i = 0; i < EACH; i++, row++) {
            random = random * 1664525u + 1013904223u;
            users[row] = user;
            items[row] = (random >> 8) % ITEMS;
            if (i % 4 != 0) {
                items[row] = items[row] / TASTES * TASTES + user % TASTES;
            }
        }
    }
    must(pocketrec_split_from_columns(USERS, ITEMS, users, items, NULL, row, 1, &split), "split");
    return split;
}

static pocketrec_trainer *new_trainer(uint32_t epochs)
{
    pocketrec_model model;
    pocketrec_train_config config;
    pocketrec_trainer *trainer;
    must(pocketrec_model_init(&model, sizeof model), "model");
    model.users = USERS;
    model.items = ITEMS;
    must(pocketrec_train_config_init(&config, sizeof config), "config");
    config.epochs = epochs;
    config.learning_rate = 0.005f;
    config.report_every = 10;
    must(pocketrec_trainer_new(&model, "cpu", 0, &config, &trainer), "new");
    return trainer;
}

/* Prints epochs. An app would draw a bar, and return 1 when its user has had enough. */
static int32_t on_event(void *context, const pocketrec_event *event)
{
    (void)context;
    if (event->kind == POCKETREC_EPOCH) {
        printf("  epoch %2u  loss %.4f  HR@10 %.4f\n", (unsigned)event->epoch, event->loss, event->hr);
    }
    return 0;
}

static int32_t stop(void *context, const pocketrec_event *event)
{
    pocketrec_trainer *trainer = (pocketrec_trainer *)context;
    (void)event;
    must_fail(pocketrec_trainer_free(trainer), POCKETREC_BUSY, "freed while it trains");
    return 1;
}

static void print_best(pocketrec_trainer *trainer, uint32_t user, pocketrec_scored best[K])
{
    size_t found, i;
    must(pocketrec_trainer_recommend(trainer, user, best, K, &found), "recommend");
    must_hold(found == K, "five recommendations");
    for (i = 0; i < found; i++) {
        printf("  item %3u (taste %u) %6.2f\n", (unsigned)best[i].item, (unsigned)(best[i].item % TASTES), best[i].score);
    }
}

/* Saves a trainer, loads it, and sees that both recommend the same and are the same bytes. */
static void save_and_load(pocketrec_trainer *trainer)
{
    uint8_t *bytes, *again;
    size_t len, again_len, found, cut;
    pocketrec_scored before[K], after[K];
    pocketrec_trainer *loaded;
    must(pocketrec_trainer_save(trainer, &bytes, &len), "save");
    must(pocketrec_trainer_load(bytes, len, "cpu", 1, &loaded), "load");
    must(pocketrec_trainer_save(loaded, &again, &again_len), "save again");
    must_hold(len == again_len && memcmp(bytes, again, len) == 0, "the same bytes");
    must(pocketrec_trainer_recommend(trainer, 7, before, K, &found), "recommend");
    must(pocketrec_trainer_recommend(loaded, 7, after, K, &found), "recommend");
    must_hold(memcmp(before, after, sizeof before) == 0, "the same recommendations");
    printf("saved %lu bytes, loaded them, and it recommends the same\n", (unsigned long)len);
    must(pocketrec_trainer_free(loaded), "free");

    printf("what is refused:\n");
    must_fail(pocketrec_trainer_load(bytes, len / 2, "cpu", 1, &loaded), POCKETREC_CHECKPOINT, "half of a file");
    for (cut = 0; cut < len; cut += 1 + len / 50) {
        must_hold(pocketrec_trainer_load(bytes, cut, "cpu", 1, &loaded) == POCKETREC_CHECKPOINT, "truncation is seen");
    }
    bytes[len - 1] ^= 1;
    must_fail(pocketrec_trainer_load(bytes, len, "cpu", 1, &loaded), POCKETREC_CHECKPOINT, "a bit is wrong");
    must_fail(pocketrec_trainer_load(again, again_len, "abacus", 1, &loaded), POCKETREC_DEVICE, "an unknown device");
    must_hold(loaded == NULL, "no trainer after a failure");
    must(pocketrec_bytes_free(bytes), "free");
    must(pocketrec_bytes_free(again), "free");
    must_fail(pocketrec_bytes_free(bytes), POCKETREC_HANDLE, "bytes freed twice");
}

static void provoke_errors(pocketrec_trainer *trainer, pocketrec_split *split)
{
    pocketrec_scored best[K];
    pocketrec_model model;
    pocketrec_trainer *other = NULL;
    pocketrec_fit_report report;
    uint32_t user = 7, far = 4000000000u;
    size_t found;
    int local = 0;
    must_fail(pocketrec_trainer_recommend(trainer, USERS + 9, best, K, &found), POCKETREC_ID, "an unknown user");
    must_fail(pocketrec_trainer_recommend(trainer, 7, NULL, K, &found), POCKETREC_NULL, "nowhere to write to");
    must_fail(pocketrec_trainer_recommend(NULL, 7, best, K, &found), POCKETREC_NULL, "no trainer");
    must_fail(pocketrec_trainer_absorb(trainer, &user, &far, 1, NULL), POCKETREC_ID, "an item far out of range");
    must_fail(pocketrec_trainer_recommend((pocketrec_trainer *)(void *)split, 7, best, K, &found), POCKETREC_HANDLE,
              "a split for a trainer");
    must_fail(pocketrec_trainer_free((pocketrec_trainer *)(void *)&local), POCKETREC_HANDLE, "a pointer of one's own");
    must(pocketrec_model_init(&model, sizeof model), "model");
    model.name = "oracle";
    must_fail(pocketrec_trainer_new(&model, NULL, 0, NULL, &other), POCKETREC_CONFIG, "an unknown model");
    must_hold(other == NULL, "no trainer after a failure");
    model.size = 3;
    must_fail(pocketrec_trainer_new(&model, NULL, 0, NULL, &other), POCKETREC_ARGUMENT, "a struct without its size");

    other = new_trainer(3);
    report.size = sizeof report;
    must(pocketrec_trainer_fit(other, split, 0, stop, other, &report), "fit");
    must_hold(report.reason == POCKETREC_STOPPED && report.epochs == 0, "the callback stops at once");
    must(pocketrec_trainer_fit(other, split, 1, NULL, NULL, &report), "fit");
    must_hold(report.reason == POCKETREC_OUT_OF_TIME || report.seconds >= 0.001, "a millisecond is over");
    must(pocketrec_trainer_free(other), "free");
    must_fail(pocketrec_trainer_free(other), POCKETREC_HANDLE, "freed twice");
    must_fail(pocketrec_trainer_fit(other, split, 0, NULL, NULL, NULL), POCKETREC_HANDLE, "used after it was freed");
}

/* A whole file, which the caller frees. */
static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    long size = -1;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0) {
        rewind(file);
        bytes = (uint8_t *)malloc((size_t)size + 1);
    }
    if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    *len = (size_t)size;
    return bytes;
}

static pocketrec_values values_of(const pocketrec_value *values, size_t count)
{
    pocketrec_values all;
    all.values = values;
    all.count = count;
    return all;
}

/* Ranks the items 0 to 4 for a user, who then takes the last of them. */
static void rank_clicks(const char *path)
{
    static const char *const names[K] = {"0", "1", "2", "3", "4"};
    pocketrec_value context[1], items[K], both[2];
    pocketrec_values candidates[K];
    pocketrec_ranked ranked[K];
    pocketrec_click click;
    pocketrec_click_absorb_report report;
    pocketrec_click_trainer *trainer;
    size_t len, found, i;
    int turn;
    uint8_t *bytes = read_file(path, &len), *saved;
    must(pocketrec_click_trainer_load(bytes, len, "cpu", 0, &trainer), "load clicks");
    free(bytes);
    context[0].column = "user";
    context[0].value = "ann";
    for (i = 0; i < K; i++) {
        items[i].column = "item";
        items[i].value = names[i];
        candidates[i] = values_of(&items[i], 1);
    }
    for (turn = 0; turn < 2; turn++) {
        must(pocketrec_click_trainer_rank(trainer, values_of(context, 1), NULL, 0, candidates, K, ranked, K, &found), "rank");
        must_hold(found == K, "all candidates are ranked");
        printf("ann's candidates%s:", turn == 0 ? "" : " after a click");
        for (i = 0; i < found; i++) {
            printf(" %s (%.2f)", names[ranked[i].candidate], ranked[i].score);
        }
        printf("\n");
        both[0] = context[0];
        both[1] = items[ranked[K - 1].candidate];
        memset(&click, 0, sizeof click);
        click.values = values_of(both, 2);
        click.label = 1.0f;
        report.size = sizeof report;
        must(pocketrec_click_trainer_absorb(trainer, &click, 1, &report), "absorb");
        must_hold(report.after < report.before, "a click is learnt");
    }
    both[0].column = "colour";
    must_fail(pocketrec_click_trainer_absorb(trainer, &click, 1, &report), POCKETREC_CONFIG, "an unknown column");
    must(pocketrec_click_trainer_save(trainer, &saved, &len), "save clicks");
    must(pocketrec_click_trainer_free(trainer), "free");
    must(pocketrec_click_trainer_load(saved, len, "cpu", 0, &trainer), "load clicks");
    must(pocketrec_bytes_free(saved), "free");
    must(pocketrec_click_trainer_free(trainer), "free");
}

int main(int argc, char **argv)
{
    pocketrec_split *split = made_up();
    pocketrec_trainer *trainer = new_trainer(6);
    pocketrec_fit_report fit;
    pocketrec_absorb_report absorbed;
    pocketrec_scored before[K], after[K], alike[K];
    uint32_t clicked_user[2] = {7, USERS}, clicked_item[2];
    size_t found, i;

    printf("pocketrec %s\n", pocketrec_version());
    fit.size = sizeof fit;
    must(pocketrec_trainer_fit(trainer, split, 20000, on_event, NULL, &fit), "fit");
    printf("trained %lu samples in %.2f s, best HR@10 %.4f\n", (unsigned long)fit.samples, fit.seconds, fit.best_hr);

    printf("for user 7 (taste 3):\n");
    print_best(trainer, 7, before);
    clicked_item[0] = clicked_item[1] = before[0].item;
    absorbed.size = sizeof absorbed;
    must(pocketrec_trainer_absorb(trainer, clicked_user, clicked_item, 2, &absorbed), "absorb");
    must_hold(absorbed.new_users == 1 && absorbed.after > absorbed.before, "two clicks are learnt, one of a new user");
    printf("after the click on item %u:\n", (unsigned)before[0].item);
    print_best(trainer, 7, after);
    for (i = 0; i < K; i++) {
        must_hold(after[i].item != before[0].item, "what was clicked is left out");
    }
    must(pocketrec_trainer_similar_items(trainer, before[0].item, alike, K, &found), "similar items");
    printf("like item %u: item %u (%.2f)\n", (unsigned)before[0].item, (unsigned)alike[0].item, alike[0].score);

    save_and_load(trainer);
    provoke_errors(trainer, split);
    must(pocketrec_split_free(split), "free");
    must(pocketrec_trainer_free(trainer), "free");
    if (argc > 1) {
        rank_clicks(argv[1]);
    }
    return 0;
}
