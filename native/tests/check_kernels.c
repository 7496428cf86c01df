/* Compare the kernels of every level with their plain twins, in the style of checkasm.
 *
 *   check_kernels [--time] [ROUNDS [SEED]]
 *
 * Each kernel gets random and extreme inputs of every odd size. What it writes must be the same, byte by byte, and so
 * must what surrounds it. With --time both are timed. Where this is compiled with CHECK_OTHER_FORMS, the levels of
 * AVX-VNNI and AMX are compared even where the machine lacks them: their files were then compiled to run without.
 */
#include "../src/cpu.h"
#include "../src/level/target.h"
#include "kernels/lattice.h"
#include "kernels/layers.h"
#include "kernels/learning.h"
#include "kernels/pixels.h"
#include "kernels/products.h"
#include "kernels/two_layers.h"

#include <stdio.h>
#include <time.h>

typedef struct {
    const char *name;
    void (*prepare)(sample *s);
    void (*run)(sample *s);
    int narrow; /* 1 if only levels with narrow products have it */
    int own_twin; /* 1 if its twin is not the plain level's, which is then compared too */
} kernel_test;

static const kernel_test tests[] = {
    {"product8", prepare_product8, run_product8, 1, 0},
    {"sparse8", prepare_sparse8, run_sparse8, 1, 0},
    {"product16", prepare_product16, run_product16, 0, 1},
    {"sparse16", prepare_sparse16, run_sparse16, 0, 1},
    {"transpose8", prepare_transpose8, run_transpose8, 0, 0},
    {"turn", prepare_turn, run_turn, 0, 0},
    {"widen", prepare_widen, run_widen, 0, 0},
    {"activate", prepare_activate, run_activate, 0, 0},
    {"finish", prepare_finish, run_finish, 0, 0},
    {"reduce", prepare_reduce, run_reduce, 0, 0},
    {"pack_gradients", prepare_pack_gradients, run_pack_gradients, 1, 0},
    {"pack_wide", prepare_pack_wide, run_pack_wide, 0, 0},
    {"use", prepare_use, run_use, 0, 0},
    {"correct", prepare_correct, run_correct, 0, 0},
    {"follow", prepare_follow, run_follow, 0, 0},
    {"activate_learned", prepare_activate_learned, run_activate_learned, 0, 0},
    {"settle", prepare_settle, run_settle, 0, 0},
    {"find_moving", prepare_moving, run_find_moving, 0, 0},
    {"reduce_errors", prepare_reduce_errors, run_reduce_errors, 0, 0},
    {"move_units", prepare_move_units, run_move_units, 0, 1},
    {"true_gradients", prepare_true_gradients, run_true_gradients, 0, 1},
    {"lead_back", prepare_lead_back, run_lead_back, 0, 0},
    {"normalise", prepare_normalise, run_normalise, 0, 0},
    /* start_block, start_plane, digit, end_plane and gradients: each works on what the ones before it left. */
    {"block", prepare_block, run_block, 0, 0},
    /* weigh_green, choose_green and weigh_blue. */
    {"lattice", prepare_lattice, run_lattice, 0, 1},
};
#define TESTS (sizeof tests / sizeof *tests)

/* What makes outputs of different layouts comparable. */
static void finish_sample(const kernel_test *test, sample *s) {
    if (test->run == run_pack_wide)
        after_pack_wide(s);
    if (test->run == run_use)
        after_use(s);
    if (test->run == run_move_units)
        after_move_units(s);
    if (test->run == run_true_gradients)
        after_true_gradients(s);
    if (test->run == run_block)
        after_block(s);
}

static void make_sample(const kernel_test *test, const nlc_kernels *kernels, nlc_model *model, uint64_t seed, sample *s,
                        choices *from) {
    memset(s, 0, sizeof *s);
    *from = (choices){NULL, 0, seed};
    s->kernels = kernels;
    s->model = model;
    s->from = from;
    test->prepare(s);
}

/* 1 if a level's kernel does what its twin does. */
static int same(const kernel_test *test, const nlc_kernels *level, const nlc_kernels *twin, nlc_model *model,
                uint64_t seed) {
    sample one, other;
    choices from, from_other;
    make_sample(test, twin, model, seed, &one, &from);
    make_sample(test, level, model, seed, &other, &from_other);
    test->run(&one);
    test->run(&other);
    finish_sample(test, &one);
    finish_sample(test, &other);
    int good = one.result == other.result && guards_hold(&one) && guards_hold(&other);
    for (size_t k = 0; k < one.count; k++)
        if (one.buffers[k].compared > 0)
            good = good && one.buffers[k].size == other.buffers[k].size &&
                   memcmp(one.at[k], other.at[k], one.buffers[k].size) == 0;
    free_sample(&one);
    free_sample(&other);
    return good;
}

static nlc_model *new_model(random_model *made, choices *from, const kernel_test *test) {
    const int is_lattice = test->run == run_lattice, is_block = is_lattice || test->run == run_block;
    nlc_model *model = NULL;
    for (;;) {
        make_random_model(made, from, 40);
        if ((!is_block || made->bits == 8) && (!is_lattice || made->source.channels == 3))
            break;
        free_random_model(made);
    }
    if (nlc_model_new(&made->source, made->bits, NLC_PLAIN, &model) != NLC_OK) {
        fprintf(stderr, "a random model was refused\n");
        exit(2);
    }
    return model;
}

/* Nanoseconds of a call. */
static double time_of(const kernel_test *test, const nlc_kernels *kernels, nlc_model *model, uint64_t seed) {
    sample s;
    choices from;
    memset(&s, 0, sizeof s);
    from = (choices){NULL, 0, seed};
    s.kernels = kernels;
    s.model = model;
    s.from = &from;
    const size_t shape[3] = {48, 256, 7};
    if (test->run == run_product8 || test->run == run_product16)
        prepare_product(&s, test->run == run_product8, shape);
    else
        test->prepare(&s);
    const nlc_block block = s.block;
    double best = 1e30;
    for (int round = 0; round < 5; round++) {
        long calls = 0;
        const clock_t start = clock();
        clock_t passed;
        do {
            for (int call = 0; call < 64; call++, calls++) {
                s.block = block;
                test->run(&s);
            }
            passed = clock() - start;
        } while (passed < CLOCKS_PER_SEC / 200);
        const double each = (double)passed / CLOCKS_PER_SEC / (double)calls * 1e9;
        best = each < best ? each : best;
    }
    free_sample(&s);
    return best;
}

static int check_level(const nlc_kernels *level, const nlc_kernels *twin, long rounds, uint64_t seed, int timed) {
    int failures = 0;
    for (size_t t = 0; t < TESTS; t++) {
        const int twin_is_other = level != nlc_kernels_of(NLC_PLAIN) || tests[t].own_twin;
        if ((tests[t].narrow && !level->narrow) || !twin_is_other)
            continue;
        long failed = 0;
        uint64_t first_failed = 0;
        for (long round = 0; round < rounds; round++) {
            choices from = {NULL, 0, seed + (uint64_t)round * 7919 + t + 1};
            random_model made;
            nlc_model *model = new_model(&made, &from, &tests[t]);
            const uint64_t chosen = any_number(&from) | 1;
            if (!same(&tests[t], level, twin, model, chosen) && !failed++)
                first_failed = seed + (uint64_t)round;
            nlc_model_free(model);
            free_random_model(&made);
        }
        printf("%-8s %-15s %ld rounds, %ld differ", level->name, tests[t].name, rounds, failed);
        if (failed)
            printf(" (first with seed %llu)", (unsigned long long)first_failed);
        failures += failed != 0;
        if (timed) { /* with a mixture like that of the shipped models */
            choices from = {NULL, 0, 12345};
            random_model made;
            static const kernel_test block_test = {.run = run_block};
            nlc_model *model = new_model(&made, &from, &block_test);
            while (model->components < 10 || model->channels < 3 || !model->can_learn) {
                nlc_model_free(model);
                free_random_model(&made);
                model = new_model(&made, &from, &block_test);
            }
            const nlc_kernels *plain = tests[t].narrow ? twin : nlc_kernels_of(NLC_PLAIN);
            const double plain_time = time_of(&tests[t], plain, model, 4321);
            const double own_time = time_of(&tests[t], level, model, 4321);
            printf("; %.0f ns, plain %.0f ns, %.1f times", own_time, plain_time, plain_time / own_time);
            nlc_model_free(model);
            free_random_model(&made);
        }
        printf("\n");
    }
    return failures;
}

#if defined(CHECK_OTHER_FORMS) && NLC_X86_64
extern const nlc_kernels nlc_avx_vnni_kernels, nlc_amx_kernels;
#endif

int main(int count, char **arguments) {
    int timed = 0, argument = 1;
    if (argument < count && strcmp(arguments[argument], "--time") == 0) {
        timed = 1;
        argument++;
    }
    const long rounds = argument < count ? strtol(arguments[argument++], NULL, 10) : 300;
    const uint64_t seed = argument < count ? strtoull(arguments[argument], NULL, 10) : 1;
    nlc_kernels twin = *nlc_kernels_of(NLC_PLAIN);
    twin.product8 = twin.sparse8 = twin_product8;
    twin.product16 = twin.sparse16 = twin_product16;
    twin.pack_gradients = twin_pack_gradients;
    twin.move_units = twin_move_units;
    twin.true_gradients = twin_true_gradients;
    twin.weigh_green = twin_weigh_green;
    twin.choose_green = twin_choose_green;
    twin.weigh_blue = twin_weigh_blue;
    int failures = check_level(nlc_kernels_of(NLC_PLAIN), &twin, rounds, seed, 0);
    for (int level = NLC_PLAIN + 1; level < NLC_LEVELS; level++)
        if (nlc_kernels_of(level))
            failures += check_level(nlc_kernels_of(level), &twin, rounds, seed, timed);
#if defined(CHECK_OTHER_FORMS) && NLC_X86_64
    if (nlc_cpu_supports(NLC_VNNI) && !nlc_kernels_of(NLC_AVX_VNNI))
        failures += check_level(&nlc_avx_vnni_kernels, &twin, rounds, seed, 0);
    if (nlc_cpu_supports(NLC_VNNI) && !nlc_kernels_of(NLC_AMX))
        failures += check_level(&nlc_amx_kernels, &twin, rounds, seed, 0);
#endif
    return failures != 0;
}
