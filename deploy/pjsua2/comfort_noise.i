/* Comfort noise (RFC 3389) agreed on past PJSIP: appended to PJSIP's pjsua2.i.

   To its negotiator payload type 13 is a codec like any other: it leaves it out of answers, and an
   answer that names it first leaves the call without one. So PJSIP never sees the format. In
   descriptions as it knows them, ours and the other side's, "a=rtpmap:13 CN/8000" alone stands for
   it; the format comes off the m= line of what arrives, and onto that of what leaves. */

%inline %{

/** Comfort noise as an attribute without a format, and back. */
class ComfortNoise {
public:
    /** From now on; the library has been initialized. False: PJSIP would not have it. */
    static bool open();
};

%}

%{

static const pj_str_t NOISE = { (char *)"13", 2 };
static const pj_str_t NOISE_MAP = { (char *)"13 CN/8000", 10 };

static pjsip_module noise_request_module;
static pjsip_module noise_response_module;
static int (*print_sdp_body)(pjsip_msg_body *, char *, pj_size_t);

static pjmedia_sdp_attr *noise_map(const pjmedia_sdp_media *media)
{
    return pjmedia_sdp_media_find_attr2(media, "rtpmap", &NOISE);
}

static int noise_index(const pjmedia_sdp_media *media)
{
    for (unsigned i = 0; i < media->desc.fmt_count; ++i)
        if (pj_strcmp(&media->desc.fmt[i], &NOISE) == 0)
            return (int)i;
    return -1;
}

/* Whether there is a codec besides: without any, PJSIP has to see what it refuses. */
static bool has_speech(const pjmedia_sdp_media *media)
{
    for (unsigned i = 0; i < media->desc.fmt_count; ++i) {
        const pj_str_t *format = &media->desc.fmt[i];
        pjmedia_sdp_rtpmap map;
        if (pj_strcmp(format, &NOISE) == 0)
            continue;
        const pjmedia_sdp_attr *attr = pjmedia_sdp_media_find_attr2(media, "rtpmap", format);
        if (!attr || pjmedia_sdp_attr_get_rtpmap(attr, &map) != PJ_SUCCESS
            || pj_stricmp2(&map.enc_name, "telephone-event") != 0)
            return true;
    }
    return false;
}

static void hide_noise_of(pj_pool_t *pool, pjmedia_sdp_media *media)
{
    bool hidden = false;
    if (pj_stricmp2(&media->desc.media, "audio") != 0 || !has_speech(media))
        return;
    for (int at = noise_index(media); at >= 0; at = noise_index(media)) {
        pj_array_erase(media->desc.fmt, sizeof(media->desc.fmt[0]), media->desc.fmt_count, at);
        --media->desc.fmt_count;
        hidden = true;
    }
    pjmedia_sdp_attr *map = noise_map(media);
    if (map)
        pjmedia_sdp_media_remove_attr(media, map);
    if (hidden)
        pjmedia_sdp_media_add_attr(media, pjmedia_sdp_attr_create(pool, "rtpmap", &NOISE_MAP));
}

static pj_bool_t hide_noise(pjsip_rx_data *rdata)
{
    /* Parsed once for each message: PJSIP goes on with what is changed here. */
    pjsip_rdata_sdp_info *found =
        rdata->msg_info.msg->body ? pjsip_rdata_get_sdp_info(rdata) : NULL;
    if (found && found->sdp && found->sdp_err == PJ_SUCCESS)
        for (unsigned i = 0; i < found->sdp->media_count; ++i)
            hide_noise_of(rdata->tp_info.pool, found->sdp->media[i]);
    return PJ_FALSE;
}

static pj_status_t show_noise(pjsip_tx_data *tdata)
{
    pjsip_msg_body *body = tdata->msg->body;
    if (!body || !body->data || body->print_body != print_sdp_body)
        return PJ_SUCCESS;
    /* The message's own copy: PJSIP's state stays as it is. */
    pjmedia_sdp_session *sdp = (pjmedia_sdp_session *)body->data;
    for (unsigned i = 0; i < sdp->media_count; ++i) {
        pjmedia_sdp_media *media = sdp->media[i];
        if (!media->desc.port || !noise_map(media) || noise_index(media) >= 0
            || media->desc.fmt_count >= PJMEDIA_MAX_SDP_FMT)
            continue;
        media->desc.fmt[media->desc.fmt_count++] = NOISE;
        pjsip_tx_data_invalidate_msg(tdata);
    }
    return PJ_SUCCESS;
}

static bool add_noise_module(pjsip_module *module)
{
    return pjsip_endpt_register_module(pjsua_get_pjsip_endpt(), module) == PJ_SUCCESS;
}

bool ComfortNoise::open()
{
    pj_pool_t *pool = pjsua_pool_create("comfort-noise", 512, 512);
    pjsip_msg_body *sample;
    pjsip_create_sdp_body(pool, NULL, &sample);
    print_sdp_body = sample->print_body;
    pj_pool_release(pool);

    /* Afresh for each endpoint: a module keeps the number that the last one gave it. */
    pj_bzero(&noise_request_module, sizeof(noise_request_module));
    noise_request_module.name = pj_str((char *)"mod-comfort-noise-requests");
    noise_request_module.id = -1;
    /* What strangers send has been refused unread; no dialog has seen it yet. */
    noise_request_module.priority = PJSIP_MOD_PRIORITY_UA_PROXY_LAYER - 1;
    noise_request_module.on_rx_request = &hide_noise;
    noise_request_module.on_tx_request = &show_noise;
    noise_request_module.on_tx_response = &show_noise;

    pj_bzero(&noise_response_module, sizeof(noise_response_module));
    noise_response_module.name = pj_str((char *)"mod-comfort-noise-responses");
    noise_response_module.id = -1;
    noise_response_module.priority = PJSIP_MOD_PRIORITY_TSX_LAYER - 1;  /* which takes them all */
    noise_response_module.on_rx_response = &hide_noise;
    return add_noise_module(&noise_request_module) && add_noise_module(&noise_response_module);
}

%}
